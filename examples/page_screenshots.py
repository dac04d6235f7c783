"""Photograph the web page, drawing a real picture with the embedded model: `docs/page/*.webp`.

    python examples/page_screenshots.py [--out docs/page]

Starts `palitra serve` in a temporary folder; needs Chromium and the test extra (Playwright).
"""

from __future__ import annotations

import argparse
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
from playwright.sync_api import Page, sync_playwright


@contextmanager
def serving() -> Iterator[str]:
    """A palitra of its own; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PALITRA_FOLDER": folder}
        palitra = str(Path(sys.executable).with_name("palitra"))
        process = subprocess.Popen([palitra, "serve", "--port", str(port)], env=environment)
        try:
            for _ in range(300):
                try:
                    if httpx.get(url + "/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def draw(page: Page, example: str, words: str) -> None:
    """Send an example's sketch and wait for its picture."""
    page.get_by_role("button", name=example, exact=True).click()
    page.locator("#prompt").fill(words)
    page.locator(".prompt button[type=submit]").click()
    page.locator("img.preview").wait_for(timeout=60_000)


def edit(page: Page, example: str, words: str, wishes: str) -> None:
    """Draw an example, then edit its picture: where it stands may change, by several wishes."""
    page.get_by_role("radio", name="Sketch").check()
    page.get_by_label("Pictures").fill("1")
    draw(page, example, words)
    page.locator("img.picture").wait_for(timeout=120_000)
    page.get_by_role("button", name="Edit this").click()
    page.get_by_role("textbox", name="What it should become").fill(wishes)
    page.get_by_role("slider", name="Strength").fill("0.8")
    page.get_by_role("slider", name="Width of the brush").fill("0.04")
    box = page.locator(".page-touch").bounding_box()
    assert box is not None
    for i in range(13):
        x, y = (0.12, 0.86)[i % 2], 0.14 + 0.06 * i
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
        if i == 0:
            page.mouse.down()
    page.mouse.up()
    page.get_by_role("button", name="Change it").click()
    page.locator(".side-by-side").wait_for(timeout=300_000)
    page.locator(".result .state", has_text="Done").wait_for(timeout=300_000)
    page.get_by_role("slider", name="How much of the photo shows").fill("50")


def classes(page: Page, model: str) -> None:
    """A sheet of every class of an embedded model."""
    page.get_by_role("radio", name="Classes").check()
    page.get_by_label("Model", exact=True).select_option(label=model)
    page.get_by_role("button", name="Draw it").click()
    page.locator("img.picture").wait_for(timeout=300_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "page")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    def shoot(page: Page, name: str) -> None:
        page.wait_for_timeout(700)
        Image.open(io.BytesIO(page.screenshot())).save(out / f"{name}.webp", quality=82)
        print(out / f"{name}.webp")

    with serving() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"]
        )
        desk = browser.new_context(viewport={"width": 1360, "height": 900}, locale="en-US")
        page = desk.new_page()
        page.goto(url)
        page.get_by_role("button", name="Giraffe", exact=True).wait_for()
        shoot(page, "empty")
        page.get_by_label("Pictures").fill("4")
        for example, words in [
            ("House", "a photo of a house"),
            ("Guitar", "a photo of a guitar"),
            ("Face", "a photo of a person"),
            ("Horse", "a photo of a horse"),
            ("Elephant", "a photo of an elephant"),
            ("Giraffe", "a photo of a giraffe"),
        ]:
            draw(page, example, words)
            if example == "Giraffe":
                shoot(page, "growing")
            page.locator("img.picture").wait_for(timeout=120_000)
            page.get_by_role("button", name="Picture 4 of 4").wait_for(timeout=120_000)
        shoot(page, "done")
        page.get_by_label("How much of the drawing shows").fill("45")
        page.get_by_role("button", name="Layers: Lines").click()
        shoot(page, "layers")
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Gallery").click()
        page.locator(".gallery-grid li").first.wait_for()
        shoot(page, "gallery")
        page.locator(".gallery-grid button").first.click()
        shoot(page, "picture")
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Create").click()
        edit(page, "House", "a photo of a house", "a painting of a house\na photo of an elephant")
        shoot(page, "edit")
        classes(page, "Clothes (diffusion)")
        shoot(page, "classes")
        phone = browser.new_context(
            **playwright.devices["Pixel 7"],
            locale="ru-RU",
            color_scheme="dark",
            storage_state=desk.storage_state(),
        )
        page = phone.new_page()
        page.goto(url)
        page.get_by_role("button", name="RU: Русский").or_(
            page.get_by_role("button", name="EN: English")
        ).wait_for()
        if page.locator("html").get_attribute("lang") == "en":
            page.get_by_role("button", name="RU: Русский").click()
        page.get_by_role("button", name="Слон").click()
        shoot(page, "phone")
        page.locator(".result").scroll_into_view_if_needed()
        page.locator(".history button").first.click()
        page.locator("img.picture").wait_for()
        page.locator(".result").evaluate("e => e.scrollIntoView()")
        shoot(page, "phone-result")
        browser.close()


if __name__ == "__main__":
    main()
