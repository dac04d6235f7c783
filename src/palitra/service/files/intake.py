"""Uploads are decoded in a child process with bounds on memory and time, and re-encoded without metadata."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import Empty, LifoQueue
from typing import Any, Final

from palitra.errors import ImageError

MOST_SECONDS: Final = 20.0
MOST_MEMORY: Final = 2 * 2**30
LONGEST_SIDE: Final = 2048


@dataclass(frozen=True)
class Intake:
    """A clean PNG (upright, sRGB, no metadata, at most 2048 px) and notes about what was done."""

    png: bytes
    width: int
    height: int
    notes: list[dict[str, Any]]


class Decoder:
    """A few child processes that decode one picture at a time. A child that dies or hangs is replaced."""

    def __init__(self, children: int = 2, seconds: float = MOST_SECONDS) -> None:
        self.seconds = seconds
        self._slots = threading.BoundedSemaphore(children)
        self._idle: LifoQueue[_Child] = LifoQueue()

    def decode(self, data: bytes) -> Intake:
        """Check and re-encode an upload.

        Raises:
            ImageError: no picture, damaged, out of bounds, or one that broke or hung its decoder.
        """
        with self._child() as child:
            answer = child.ask(data, self.seconds)
        if isinstance(answer, str):
            raise ImageError(answer)
        return answer

    def warm(self) -> None:
        """Start a child before the first upload comes."""
        with self._child():
            pass

    def close(self) -> None:
        """End the children."""
        with contextlib.suppress(Empty):
            while True:
                self._idle.get_nowait().end()

    @contextlib.contextmanager
    def _child(self) -> Iterator[_Child]:
        with self._slots:
            try:
                child = self._idle.get_nowait()
            except Empty:
                child = _Child()
            try:
                yield child
            finally:
                if child.alive:
                    self._idle.put(child)
                else:
                    child.end()


class _Child:
    def __init__(self) -> None:
        # forked servers and threads do not mix, so the child starts afresh
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.alive = True

    def ask(self, data: bytes, seconds: float) -> Intake | str:
        try:
            self._ours.send_bytes(data)
            if self._ours.poll(seconds):
                told = self._ours.recv_bytes()
                return _read(told)
        except (OSError, EOFError):
            self.alive = False
            return "`image` must be an undamaged picture, got one that broke its decoder"
        self.alive = False
        return f"`image` must be decoded in {seconds:g} s, got one that took longer"

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._ours.close()


def _serve(pipe: Connection) -> None:
    """The child: bytes in, an answer out, until the parent is gone."""
    _bound_memory()
    while True:
        try:
            data = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        pipe.send_bytes(_answer(data))


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _answer(data: bytes) -> bytes:
    import json

    from PIL import Image

    from palitra.data.images import open_image
    from palitra.errors import PalitraError

    try:
        opened = open_image(data)
        image = opened.image
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
    except PalitraError as error:
        return json.dumps({"error": str(error)}).encode() + b"\n"
    except MemoryError:
        return json.dumps({"error": "`image` must fit into memory, got one that does not"}).encode() + b"\n"
    notes = [{"code": n.code, "params": dict(n.params)} for n in opened.notes]
    head = json.dumps({"width": image.width, "height": image.height, "notes": notes}).encode()
    return head + b"\n" + buffer.getvalue()


def _read(answer: bytes) -> Intake | str:
    import json

    head, _, png = answer.partition(b"\n")
    told = json.loads(head)
    if "error" in told:
        return str(told["error"])
    return Intake(png, told["width"], told["height"], told["notes"])
