"""The API under load on loopback: open event streams, uploads, and how fast it still answers.

python benchmarks/load.py [--streams 200] [--uploads 50] [--seconds 20]

One worker process draws (squares, with the pauses of real steps) while this runs; the API is another process.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import httpx
from PIL import Image

from crash import ROOT, free_port, start_api
from palitra.service.workers.supervisor import Supervisor


def photo(side: int) -> bytes:
    """A noisy JPEG of about half a megabyte."""
    noise = Image.frombytes("RGB", (side, side), random.Random(0).randbytes(3 * side * side))
    buffer = io.BytesIO()
    noise.save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


async def run(url: str, streams: int, uploads: int, seconds: float) -> None:
    limits = httpx.Limits(max_connections=streams + uploads + 20)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        await client.get("/healthz")
        wish = {"recipe": "text_to_image", "prompt": "slow", "steps": 30}
        jobs = [(await client.post("/v1/jobs", json=wish)).json()["id"] for _ in range(streams)]
        over, events, asked = asyncio.Event(), [0], []
        opened = asyncio.Semaphore(0)
        watching = [asyncio.create_task(_watch(client, job, opened, events)) for job in jobs]
        for _ in jobs:
            await opened.acquire()
        print(f"{len(watching)} streams are open")
        asking = asyncio.create_task(_ask(client, jobs, over, asked))
        data, began = photo(640), time.perf_counter()
        answers = await asyncio.gather(*(_upload(client, data) for _ in range(uploads)))
        print(f"{uploads} uploads of {len(data) / 1000:.0f} kB at once: {time.perf_counter() - began:.1f} s")
        assert all(code == 201 for code in answers), answers
        await asyncio.sleep(max(0.0, seconds - (time.perf_counter() - began)))
        over.set()
        await asking
        for task in watching:
            task.cancel()
        asked.sort()
        p50, p99 = asked[len(asked) // 2], asked[int(len(asked) * 0.99)]
        print(f"{len(asked)} questions: p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms")
        print(f"{events[0]} events told")


async def _watch(client: httpx.AsyncClient, job: str, opened: asyncio.Semaphore, events: list[int]) -> None:
    async with client.stream("GET", f"/v1/jobs/{job}/events", timeout=None) as answer:
        opened.release()
        async for line in answer.aiter_lines():
            events[0] += line.startswith("event:")


async def _ask(client: httpx.AsyncClient, jobs: list[str], over: asyncio.Event, asked: list[float]) -> None:
    """Ten questions a second, as a few dozen people would."""
    rng = random.Random(1)
    while not over.is_set():
        began = time.perf_counter()
        (await client.get(f"/v1/jobs/{rng.choice(jobs)}")).raise_for_status()
        asked.append(time.perf_counter() - began)
        await asyncio.sleep(0.1)


async def _upload(client: httpx.AsyncClient, data: bytes) -> int:
    return (await client.post("/v1/files", files={"file": ("a.jpg", data)})).status_code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PALITRA_FOLDER": folder, "PALITRA_MOST_QUEUED_PER_OWNER": "1000"}
        os.environ["PYTHONPATH"] = str(ROOT)
        port = free_port()
        api = start_api(port)
        supervisor = Supervisor(1, [sys.executable, "-m", "tests.service.fake_painter"])
        supervisor.start()
        try:
            asyncio.run(run(f"http://127.0.0.1:{port}", args.streams, args.uploads, args.seconds))
            status = Path(f"/proc/{api.pid}/status").read_text(encoding="utf-8")
            print(next(line for line in status.splitlines() if line.startswith("VmHWM")))
        finally:
            supervisor.stop(3)
            api.kill()
            api.wait()


if __name__ == "__main__":
    main()
