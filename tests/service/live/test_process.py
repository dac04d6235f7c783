"""The real process of a live worker, with a painter without models."""

import asyncio
import io
import time

import pytest
from PIL import Image

from palitra.errors import Cancelled, ImageError, LiveStartingError, ServiceError
from palitra.service.live import process
from palitra.service.live.process import LiveProcess
from tests.service.live.fake_live_painter import COMMAND, colour_of


def png(colour=0, side=32):
    buffer = io.BytesIO()
    page = Image.new("RGB", (side, side), "white")
    page.paste((colour,) * 3, (4, 4, 9, 9))
    page.save(buffer, "PNG")
    return buffer.getvalue()


def with_worker(test, seconds=120):
    async def run():
        worker = LiveProcess(COMMAND)
        worker.start()
        try:
            await ready(worker)
            await asyncio.wait_for(test(worker), seconds)
        finally:
            await worker.close()
        assert worker._child.returncode is not None

    asyncio.run(run())


async def ready(worker, seconds=60):
    until = time.monotonic() + seconds
    while not worker.ready:
        assert time.monotonic() < until, "the live worker did not start"
        await asyncio.sleep(0.02)


def test_pictures_problems_stops_and_crashes(monkeypatch):
    async def test(worker):
        drawn = await worker.draw(png(), "print", 300)
        with Image.open(io.BytesIO(drawn.picture)) as picture:
            assert (picture.format, picture.size) == ("WEBP", (256, 256))
            assert all(abs(a - b) < 6 for a, b in zip(picture.getpixel((9, 9)), colour_of(300), strict=True))
            assert not picture.getexif()
        assert drawn.media == "image/webp"
        assert drawn.ms > 0

        with pytest.raises(ImageError, match="draw more than a dot"):
            await worker.draw(png(255), "", 0)
        with pytest.raises(ServiceError, match="it is in the log"):
            await worker.draw(png(), "bug", 0)

        slow = asyncio.create_task(worker.draw(png(), "slow", 0))
        await asyncio.sleep(0.1)
        worker.stop()
        with pytest.raises(Cancelled):
            await slow  # a step of 20 ms later, not 250 of them
        # a stop is for the picture that it was meant for
        assert (await worker.draw(png(), "", 1)).picture

        for trouble, seconds in (("kill", 60), ("hang", 0.5)):
            monkeypatch.setattr(process, "LONGEST_S", seconds)
            with pytest.raises(LiveStartingError):
                await worker.draw(png(), trouble, 0)
            monkeypatch.setattr(process, "LONGEST_S", 60)
            with pytest.raises(LiveStartingError):
                await worker.draw(png(), "", 0)
            await ready(worker)
            assert (await worker.draw(png(), "", 1)).picture

    with_worker(test)


def test_a_worker_that_cannot_be_made_is_tried_again_and_never_ready(monkeypatch):
    monkeypatch.setenv("PALITRA_LIVE_MODEL", "broken")

    async def run():
        worker = LiveProcess(COMMAND)
        worker.start()
        until = time.monotonic() + 20
        while worker._child is None or worker._child.returncode is None:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        assert worker._child.returncode == 1
        assert not worker.ready
        await worker.close()

    asyncio.run(run())
