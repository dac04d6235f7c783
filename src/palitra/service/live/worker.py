"""The live worker: a process of its own that draws one small picture at a time and keeps nothing.

It reads frames from standard input and answers on standard output, so nobody but the API that started it can
ask it, and it ends with it. Run by `palitra serve` as `python -m palitra.service.live.worker`.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any, BinaryIO, Final

from PIL import Image

from palitra.errors import Cancelled, PalitraError
from palitra.service.files.marks import Marks
from palitra.service.filters.filter import Filters
from palitra.service.live.frames import Frame, pack, read_frame
from palitra.service.live.painter import LivePainter, PainterFactory, studio_painter, warmed
from palitra.service.logs import set_up
from palitra.service.settings import Settings

LOG = logging.getLogger("palitra.live")
MEDIA: Final = "image/webp"
SHOWN: Final = 256
"""Smaller pictures are enlarged smoothly to this side, which browsers do worse."""


class LiveWorker:
    """Answers every `draw` with a picture, a problem, or that it was stopped."""

    def __init__(
        self, painter: LivePainter, asked: BinaryIO, answers: BinaryIO, filters: Filters, marks: Marks
    ) -> None:
        self._painter, self._asked, self._answers = painter, asked, answers
        self._filters, self._marks = filters, marks
        self._wishes: SimpleQueue[Frame | None] = SimpleQueue()
        self._stopped = -1

    def run(self) -> None:
        """Work until nobody can ask any more."""
        threading.Thread(target=self._read, name="asked", daemon=True).start()
        self._tell(Frame({"ready": True}))
        while (wish := self._wishes.get()) is not None:
            self._tell(self._answer(wish))

    def _read(self) -> None:
        while (frame := read_frame(self._asked)) is not None:
            if frame.about["do"] == "stop":
                self._stopped = max(self._stopped, int(frame.about["id"]))
            else:
                self._wishes.put(frame)
        self._stopped = sys.maxsize
        self._wishes.put(None)

    def _tell(self, frame: Frame) -> None:
        self._answers.write(pack(frame))
        self._answers.flush()

    def _answer(self, wish: Frame) -> Frame:
        number = int(wish.about["id"])
        try:
            began = time.perf_counter()
            picture = self._draw(number, wish)
            ms = round(1000 * (time.perf_counter() - began), 1)
            return Frame({"id": number, "ms": ms, "media": MEDIA}, picture)
        except Cancelled:
            return Frame({"id": number, "stopped": True})
        except PalitraError as error:
            return _problem(number, error.code, str(error), error.ru)
        except Exception:
            LOG.exception("a live picture failed")
            return _problem(number, "internal", "a fault of ours; it is in the log")

    def _draw(self, number: int, wish: Frame) -> bytes:
        words = str(wish.about["prompt"])
        # a clean PNG of ours: the API has had it decoded and encoded anew
        with Image.open(io.BytesIO(wish.data), formats=["PNG"]) as sketch:
            sketch.load()
            made = self._painter.draw(sketch, words, int(wish.about["seed"]), lambda: self._stopped >= number)
        self._filters.check_image(made, words)
        return encode(self._marks.stamp(made))


def encode(picture: Image.Image) -> bytes:
    """A picture as the page shows it: at least 256 px, quick to pack, without metadata."""
    factor = SHOWN / max(picture.size)
    if factor > 1:
        size = (round(picture.width * factor), round(picture.height * factor))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "WEBP", quality=90, method=0)
    return buffer.getvalue()


def _problem(number: int, code: str, text: str, ru: str | None = None) -> Frame:
    about: dict[str, Any] = {"id": number, "code": code, "text": text, "ru": ru}
    return Frame(about)


def private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for frames alone: what libraries print goes to standard error."""
    asked, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return os.fdopen(asked, "rb"), os.fdopen(answers, "wb")


def be_modest(settings: Settings) -> None:
    """Behind the workers that draw jobs: a lower priority, and only some of the processor's cores."""
    if hasattr(os, "nice"):
        os.nice(settings.live_nice)
    os.environ["OMP_NUM_THREADS"] = str(settings.live_threads or max(1, (os.cpu_count() or 1) // 2))


def main(factory: PainterFactory = studio_painter) -> None:
    """The process."""
    asked, answers = private_pipes()
    settings = Settings()
    set_up(settings.log)
    be_modest(settings)
    painter = warmed(factory, settings)
    LiveWorker(painter, asked, answers, Filters.open(settings), Marks.of(settings)).run()
    # threads of libraries may still run
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
