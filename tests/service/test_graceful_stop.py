"""`palitra serve` that is asked to stop: its workers hand back what runs, and all processes end."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from palitra.service.api.views import pictures_of
from tests.service.conftest import wish

ROOT = Path(__file__).parents[2]
SERVE = """
import sys
from palitra.service.workers.supervisor import Supervisor
Supervisor.__init__.__defaults__ = (1, [sys.executable, "-m", "tests.service.fake_painter"])
from palitra.cli.main import main
sys.argv = ["palitra", "serve", "--port", sys.argv[1]]
main()
"""


@pytest.fixture
def serve(settings):
    """Starts `palitra serve` with a worker that draws squares; returns its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PALITRA_FOLDER": str(settings.folder),
        "PALITRA_GRACE_S": "0.5",
        "PALITRA_CLAIM": "1",
        "PALITRA_LIVE": "false",
    }
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(port)], env=environment, cwd=ROOT)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
            break
        except httpx.HTTPError:
            time.sleep(0.1)
    yield process
    process.kill()
    process.wait()


def alive(folder):
    """Processes with our folder in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if f"PALITRA_FOLDER={folder}".encode() in environment.split(b"\0"):
            found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to see every process")
def test_serve_hands_back_and_leaves_no_process(store, engine, settings, serve, sent):
    running = store.put("ann", wish("slow", seed=3, steps=100))
    until = time.monotonic() + 30
    while not store.get("ann", running.id).done:
        assert time.monotonic() < until, "the job did not begin"
        time.sleep(0.05)
    waiting = store.put("ann", wish(steps=9))
    began = time.monotonic()
    serve.send_signal(sent)
    assert serve.wait(20) in (0, 130)
    assert time.monotonic() - began < 10
    assert alive(settings.folder) == []
    back = store.get("ann", running.id)
    assert (back.state, back.crashes, back.params["seed"]) == ("queued", 0, 3)
    assert store.get("ann", waiting.id) == waiting
    assert pictures_of(engine, running.id) == []
