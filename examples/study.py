"""A small study from nothing, and photographs of its page: `docs/page/study.webp` and `study-phone.webp`.

    python examples/study.py [--out docs/page]

The photos are drawn by the embedded model itself from sketches, so that nobody's picture is shown.
Needs Chromium and the test extra (Playwright).
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import palitra

THINGS = {"house": "дом", "giraffe": "жираф", "elephant": "слон", "horse": "лошадь"}
METHODS = ("guide-and-rescale", "plug-and-play", "sdedit")
SKETCHES = Path(__file__).parent / "sketches"


def make_runs(folder: Path) -> list[Path]:
    """Photos, a folder of edits per method, and words.csv, as `palitra study make` reads them."""
    studio = palitra.load("mini")
    for name in ("photos", *METHODS):
        (folder / name).mkdir()
    with (folder / "words.csv").open("w", encoding="utf-8", newline="") as file:
        words = csv.writer(file)
        words.writerow(("id", "source", "target", "target_ru"))
        for thing, russian in THINGS.items():
            source, target = f"a photo of a {thing}", f"a painting of a {thing}"
            words.writerow((thing, source, target, f"картина: {russian}"))
            drawn = studio.prepare(SKETCHES / f"{thing}.png")
            photo = folder / "photos" / f"{thing}.png"
            studio.sketch(drawn, source, fidelity=0.8, seed=1).pictures[0].image.save(photo)
            for method in METHODS:
                run = studio.edit(photo, target, source, method=method, preset="style", steps=30)
                run.pictures[0].image.save(folder / method / f"{thing}.png")
    return [folder / method for method in METHODS]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A palitra without workers over that folder; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [_palitra(), "serve", "--port", str(port), "--workers", "0"],
        env={**os.environ, "PALITRA_FOLDER": str(folder)},
    )
    try:
        for _ in range(300):
            try:
                httpx.get(url + "/healthz").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def shoot(browser: Browser, url: str, path: Path, **options: object) -> None:
    """Begin the study, answer the first question, photograph."""
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    page.goto(url)
    page.locator(".primary").click()
    page.locator("main.pair[aria-busy=false]").wait_for()
    page.keyboard.press("1")
    page.wait_for_timeout(500)
    Image.open(io.BytesIO(page.screenshot())).save(path, quality=82)
    print(path)


def _palitra() -> str:
    return str(Path(sys.executable).with_name("palitra"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "page")
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        runs = make_runs(Path(folder))
        data = Path(folder) / "data"
        # without checks, so that no photograph shows noise
        words = ["make", "painted", *map(str, runs), "--pairs", "8", "--checks", "0", "--seed", "2"]
        subprocess.run([_palitra(), "study", *words, "--folder", str(data)], check=True)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with serving(data) as url:
            desk = {"viewport": {"width": 1360, "height": 900}, "locale": "en-US"}
            shoot(browser, f"{url}/study/painted", out / "study.webp", **desk)
            phone = {**playwright.devices["Pixel 7"], "locale": "ru-RU", "color_scheme": "dark"}
            shoot(browser, f"{url}/study/painted", out / "study-phone.webp", **phone)
        browser.close()


if __name__ == "__main__":
    main()
