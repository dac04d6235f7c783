"""Kills workers and restarts the API under load: is anything lost, or done twice?

python benchmarks/crash.py [--jobs 400] [--users 20] [--kills 12] [--restarts 2] [--db postgresql://…]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import func, select

from palitra.service.database import open_database
from palitra.service.settings import Settings
from palitra.service.tables import EVENTS, JOBS, PICTURES
from palitra.service.workers.supervisor import Supervisor

ROOT = Path(__file__).parents[1]
WORKER = [sys.executable, "-m", "tests.service.fake_painter"]


@dataclass(frozen=True)
class Outcome:
    """What the database holds at the end."""

    states: Counter[str]
    codes: Counter[str]
    lost: int
    twice: int
    pictures: int
    gaps: int
    seconds: float


def run(
    folder: Path, jobs: int, users: int, kills: int, restarts: int, db: str | None = None, seed: int = 0
) -> Outcome:
    """Hand in `jobs` (one of them poison), kill workers and the API while they are drawn, count."""
    os.environ["PALITRA_FOLDER"] = str(folder)
    os.environ["PALITRA_MOST_QUEUED_PER_OWNER"] = "1000"
    if db:
        os.environ["PALITRA_DB"] = db
    os.environ["PYTHONPATH"] = str(ROOT)
    rng, began = random.Random(seed), time.monotonic()
    port = free_port()
    api = start_api(port)
    supervisor = Supervisor(2, WORKER)
    supervisor.start()
    try:
        ids = _hand_in(port, jobs, users, rng)
        assert len(set(ids)) == jobs
        api = _disturb(supervisor, api, port, ids, kills, restarts, rng)
        _wait(ids)
    finally:
        supervisor.stop(3)
        api.kill()
        api.wait()
    return _count(ids, time.monotonic() - began)


def _hand_in(port: int, jobs: int, users: int, rng: random.Random) -> list[str]:
    ids = []
    clients = [httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) for _ in range(users)]
    for client in clients:
        client.get("/healthz")
    for i in range(jobs):
        prompt = "kill" if i == jobs // 3 else "a cat"
        wish = {
            "recipe": "text_to_image",
            "prompt": prompt,
            "steps": rng.randint(3, 40),
            "n": rng.choice([1, 1, 2]),
        }
        answer = rng.choice(clients).post("/v1/jobs", json=wish, headers={"idempotency-key": str(i)})
        answer.raise_for_status()
        ids.append(answer.json()["id"])
    for client in clients:
        client.close()
    return ids


def _disturb(
    supervisor: Supervisor,
    api: subprocess.Popen[bytes],
    port: int,
    ids: list[str],
    kills: int,
    restarts: int,
    rng: random.Random,
) -> subprocess.Popen[bytes]:
    wanted = [True] * kills + [False] * restarts
    rng.shuffle(wanted)
    for is_kill in wanted:
        time.sleep(rng.uniform(0.3, 1.2))
        if is_kill:
            supervisor.kill(rng.randrange(2))
        else:
            api.send_signal(signal.SIGKILL)
            api.wait()
            api = start_api(port)
            assert httpx.get(f"http://127.0.0.1:{port}/v1/jobs/{ids[0]}").status_code == 404
    return api


def _wait(ids: list[str], seconds: float = 300) -> None:
    engine = open_database(Settings().database_url)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with engine.connect() as connection:
            left = connection.scalar(
                select(func.count()).select_from(JOBS).where(JOBS.c.state.in_(("queued", "running")))
            )
        if not left:
            break
        time.sleep(0.2)
    engine.dispose()


def _count(ids: list[str], seconds: float) -> Outcome:
    engine = open_database(Settings().database_url)
    with engine.connect() as connection:
        rows = connection.execute(select(JOBS)).all()
        drawn = Counter(connection.scalars(select(PICTURES.c.job)))
        ends = Counter(connection.scalars(select(EVENTS.c.job).where(EVENTS.c.kind == "end")))
        numbers: dict[str, list[int]] = {}
        for job, seq in connection.execute(select(EVENTS.c.job, EVENTS.c.seq).order_by(EVENTS.c.seq)):
            numbers.setdefault(job, []).append(seq)
    engine.dispose()
    done = {r.id: r.params["n"] for r in rows if r.state == "done"}
    known = {r.id for r in rows}
    return Outcome(
        Counter(r.state for r in rows),
        Counter(r.error_code for r in rows if r.error_code),
        len(set(ids) - known) + sum(drawn[job] < n for job, n in done.items()),
        sum(drawn[job] > n for job, n in done.items()) + sum(n > 1 for n in ends.values()),
        sum(drawn.values()),
        sum(found != list(range(1, len(found) + 1)) for found in numbers.values()),
        seconds,
    )


def start_api(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "palitra", "serve", "--workers", "0", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return process
    raise TimeoutError("the API did not start")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--db")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), args.jobs, args.users, args.kills, args.restarts, args.db)
    print(
        f"{args.jobs} jobs, {args.users} users, {args.kills} workers killed, API killed {args.restarts} times"
    )
    print(f"states {dict(found.states)}, errors {dict(found.codes)}, pictures {found.pictures}")
    print(f"lost {found.lost}, done twice {found.twice}, gaps in events {found.gaps}, {found.seconds:.1f} s")


if __name__ == "__main__":
    main()
