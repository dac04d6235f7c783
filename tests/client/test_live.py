"""Live pictures by both clients, against a real server and a live worker without models."""

import asyncio
import threading
import time

import pytest

pytest.importorskip("dbos", reason="the service's libraries are not installed: pip install palitra[service]")
import uvicorn

from palitra.client import ApiError, AsyncClient, Client
from palitra.service.api.app import create_app
from palitra.service.settings import Settings
from tests.service.live.fake_live_painter import COMMAND
from tests.service.live.test_process import png


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    app = create_app(Settings(folder=tmp_path_factory.mktemp("data")), COMMAND)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started or not app.state.service.live.ready:
        assert time.monotonic() < until
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def test_a_sketch_becomes_a_picture_at_once(url, tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    with Client(url) as client:
        first, again = client.live(tmp_path / "a.png", "a cat", seed=4), client.live(png(), "a cat", seed=4)
    assert first.picture[:4] == b"RIFF"
    assert first.picture == again.picture
    assert (first.number, again.number) == (1, 2)
    assert first.ms > 0


def test_the_newer_call_ends_the_older_and_another_client_does_not(url):
    async def draw():
        async with AsyncClient(url) as client, AsyncClient(url) as other:
            await other.http.get("/v1/session")
            await client.http.get("/v1/session")
            older = asyncio.create_task(client.live(png(), "slow"))
            await asyncio.sleep(0.4)
            newer, theirs = await asyncio.gather(client.live(png()), other.live(png()))
            with pytest.raises(ApiError) as superseded:
                await older
            return newer, theirs, superseded.value

    newer, theirs, superseded = asyncio.run(draw())
    assert newer.number == 2
    assert theirs.number == 1
    assert (superseded.status, superseded.code) == (409, "superseded")


def test_a_blank_page_is_a_sentence(url):
    with Client(url) as client, pytest.raises(ApiError, match="draw more than a dot"):
        client.live(png(255))
