"""From the last movement of a stroke to its live picture, in a real browser at the running service.

python benchmarks/live.py [--strokes 20] [--prompt "a photo of a giraffe"] [--jobs 2] [--empty]

`--jobs N` also times N jobs alone and N while somebody draws. `--empty` puts squares in place of the model:
what is left is the time of the lane itself. Needs Chromium and the test extra (Playwright).
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from crash import ROOT, free_port

EMPTY = """
import sys, uvicorn
from palitra.service.api.app import create_app
from tests.service.live.fake_live_painter import COMMAND
uvicorn.run(create_app(None, COMMAND), port=int(sys.argv[1]), log_level="error")
"""
WISH = {"recipe": "text_to_image", "prompt": "a photo of a dog", "steps": 30, "n": 4}


@contextmanager
def service(empty: bool, workers: int) -> Iterator[str]:
    """The service in a temporary folder, with its live worker ready."""
    port = free_port()
    serve = [
        sys.executable,
        "-m",
        "palitra",
        "serve",
        "--live",
        "--workers",
        str(workers),
        "--port",
        str(port),
    ]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PALITRA_FOLDER": folder, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", EMPTY, str(port)] if empty else serve
        process = subprocess.Popen(command, env=environment, cwd=ROOT)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: httpx.get(f"{url}/v1/live").json()["state"] == "ready")
            if workers:
                wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def wait_until(true: Any, seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < until, "the service did not start"
        time.sleep(0.2)


def stroke(page: Page, rng: random.Random) -> None:
    """A bow of about half the page, as fast as a hand draws it."""
    box = page.locator(".page-touch").bounding_box()
    assert box is not None
    x, y, turn, radius = (
        rng.uniform(0.3, 0.7),
        rng.uniform(0.3, 0.7),
        rng.uniform(0, 6),
        rng.uniform(0.1, 0.25),
    )

    def at(share: float) -> tuple[float, float]:
        angle = turn + 3 * share
        here = x + radius * math.cos(angle), y + radius * math.sin(angle)
        return box["x"] + here[0] * box["width"], box["y"] + here[1] * box["height"]

    page.mouse.move(*at(0))
    page.mouse.down()
    for i in range(1, 13):
        page.mouse.move(*at(i / 12))
        page.wait_for_timeout(16)
    page.mouse.up()


def measure(page: Page, strokes: int, rng: random.Random) -> list[float]:
    """Milliseconds of each stroke, from its last movement until its picture could be seen."""
    times = []
    for _ in range(strokes):
        before = int(page.locator(".live").get_attribute("data-number") or 0)
        stroke(page, rng)
        page.wait_for_timeout(150)  # the last movement has been sent by now
        page.wait_for_function(
            "n => { const d = document.querySelector('.live').dataset;"
            " return Number(d.number) > n && d.state === 'idle' }",
            arg=before,
            timeout=120_000,
        )
        times.append(float(page.locator(".live").get_attribute("data-ms") or "nan"))
    return times


def run_jobs(url: str, jobs: int) -> float:
    """Seconds that so many jobs take, one after another."""
    with httpx.Client(base_url=url, timeout=120) as client:
        client.get("/v1/session")
        began = time.perf_counter()
        for seed in range(jobs):
            job = client.post("/v1/jobs", json={**WISH, "seed": seed}).json()["id"]
            wait_until(lambda job=job: client.get(f"/v1/jobs/{job}").json()["state"] == "done", 600)
        return time.perf_counter() - began


def told(name: str, times: list[float]) -> None:
    times = sorted(times)
    p95 = times[min(len(times) - 1, math.ceil(0.95 * len(times)) - 1)]
    print(f"{name}: p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, n {len(times)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=20)
    parser.add_argument("--prompt", default="a photo of a giraffe")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--empty", action="store_true")
    args = parser.parse_args()
    rng = random.Random(0)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with service(args.empty, 1 if args.jobs else 0) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
        page.goto(url)
        page.get_by_role("textbox", name="What to draw").fill(args.prompt)
        page.get_by_role("switch").check()
        measure(page, 2, rng)  # the first pictures are slower than the others
        told("stroke to picture", measure(page, args.strokes, rng))
        if args.jobs:
            alone, beside = run_jobs(url, args.jobs), [0.0]
            working = threading.Thread(target=lambda: beside.__setitem__(0, run_jobs(url, args.jobs)))
            working.start()
            times = []
            while working.is_alive():
                times += measure(page, 1, rng)
            told("stroke to picture beside jobs", times)
            print(f"{args.jobs} jobs: alone {alone:.1f} s, while somebody draws {beside[0]:.1f} s")
        browser.close()


if __name__ == "__main__":
    main()
