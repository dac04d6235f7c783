"""The page in a real browser, against the real API with a painter of squares."""

import io
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("dbos", reason="the service's libraries are not installed: pip install palitra[service]")
pytest.importorskip("playwright", reason="playwright is not installed: pip install palitra[test]")

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from palitra.service.api.app import create_app
from palitra.service.api.page import PAGE
from palitra.service.settings import Settings
from tests.service.drawing import drawing
from tests.service.fake_painter import FakePainter

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


class PagePainter(FakePainter):
    """Squares large enough to see, and previews that a browser can show."""

    def paint(self, jobs, told):
        class Told:
            def __getattr__(self, name):
                return getattr(told, name)

            def preview(self, place, _):
                told.preview(place, jpeg((200, 80, 40)))

            def picture(self, place, made):
                colour = (made.seed % 256, 120 + 40 * made.turn, 160)
                told.picture(place, replace(made, image=Image.new("RGB", (64, 64), colour)))

        for place, job in enumerate(jobs):
            if job.inputs:
                told.notes(place, [{"code": "shadows_removed", "params": {}}])
        super().paint(jobs, Told())


def jpeg(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "JPEG")
    return buffer.getvalue()


class Running:
    """uvicorn in a thread of this process, at a port of its own."""

    def __init__(self, settings, live_worker=None):
        self.app = create_app(settings, live_worker)
        self.server = uvicorn.Server(
            uvicorn.Config(self.app, port=0, log_level="error", timeout_graceful_shutdown=1)
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.02)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install the package chromium to run the page's tests")
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page was not built: install the package anew, or `npm ci && npm run build` in web/")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield playwright, browser
        browser.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    running = Running(Settings(folder=tmp_path_factory.mktemp("page")))
    with running, drawing(running.app.state.service, PagePainter(step_s=0.004)):
        yield running


@pytest.fixture
def open_page(chromium, service):
    """Opens the page as another user each time; a fault in the page's own code fails the test."""
    playwright, browser = chromium
    contexts, faults = [], []

    def make(device=None, url=None, **options):
        options = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **options}
        if device:
            options = {**playwright.devices[device], "locale": options["locale"]}
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url or service.url)
        page.get_by_role("banner").wait_for()
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(open_page):
    return open_page()


def ink(page):
    """Dark pixels on the drawing page."""
    return page.evaluate(
        """() => { const c = document.querySelector('.page-touch canvas');
        if (!c) return 0;
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i] < 100) n++; return n }"""
    )


def wait_for_ink(page, check):
    until = time.monotonic() + 5
    while not check(ink(page)):
        assert time.monotonic() < until, ink(page)
        page.wait_for_timeout(30)


def draw_line(page, start=(0.2, 0.2), end=(0.8, 0.7)):
    box = page.locator(".page-touch").bounding_box()
    at = lambda p: (box["x"] + p[0] * box["width"], box["y"] + p[1] * box["height"])  # noqa: E731
    page.mouse.move(*at(start))
    page.mouse.down()
    page.mouse.move(*at(end), steps=12)
    page.mouse.up()


def send(page, prompt, example="Giraffe"):
    page.get_by_role("button", name=example, exact=True).click()
    page.get_by_role("textbox", name="What to draw").fill(prompt)
    page.get_by_role("button", name="Draw it").click()
