"""The API's end of the live worker: keeps its process alive and hands it one wish at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from palitra.errors import (
    Cancelled,
    ContentRefusedError,
    ImageError,
    InputError,
    LiveStartingError,
    OutOfMemoryError,
    PalitraError,
    ServiceError,
)
from palitra.service.live.frames import Frame, pack, receive_frame

LOG = logging.getLogger("palitra.live")
WORKER: Final = (sys.executable, "-m", "palitra.service.live.worker")
LONGEST_S: Final = 60.0
LONGEST_PAUSE_S: Final = 30.0
HEALTHY_S: Final = 60.0
SAID: Final[dict[str, type[PalitraError]]] = {
    kind.code: kind for kind in (ImageError, InputError, ContentRefusedError, OutOfMemoryError)
}


@dataclass(frozen=True)
class Drawn:
    """A live picture, and how long drawing it took."""

    picture: bytes
    media: str
    ms: float


class LiveProcess:
    """One live worker, kept alive from `start` to `close`. Lives in one event loop."""

    def __init__(self, command: Sequence[str] = WORKER) -> None:
        self.command = tuple(command)
        self.ready = False
        self._child: Process | None = None
        self._number = 0
        self._answer: asyncio.Future[Frame] | None = None
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; `ready` becomes true when the worker's model is warm."""
        self._keeper = asyncio.create_task(self._keep())

    async def close(self, patience_s: float = 2.0) -> None:
        """End the worker: it goes when nobody can ask it any more, or is killed."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        child = self._child
        if child is None or child.returncode is not None:
            return
        assert child.stdin is not None
        child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), patience_s)
        except TimeoutError:
            child.kill()
            await child.wait()

    def kill(self) -> None:
        """Kill the worker as a crash would; it is started again."""
        self.ready = False
        if self._child is not None and self._child.returncode is None:
            self._child.kill()

    async def draw(self, png: bytes, prompt: str, seed: int) -> Drawn:
        """Let the worker draw; one caller at a time.

        Raises:
            Cancelled: `stop` was called meanwhile.
            LiveStartingError: there is no worker, or it ended or hung meanwhile.
            InputError, OutOfMemoryError, ServiceError: what the worker says.
        """
        assert self._answer is None, "one wish at a time"
        self._number += 1
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._send(Frame({"do": "draw", "id": self._number, "prompt": prompt, "seed": seed}, png))
            return _read(await asyncio.wait_for(self._answer, LONGEST_S))
        except TimeoutError:
            LOG.warning("the live worker hangs: it is killed")
            self.kill()
            raise LiveStartingError from None
        finally:
            self._answer = None

    def stop(self) -> None:
        """End the drawing that is under way between two of its steps."""
        if self._answer is not None and self.ready:
            self._send(Frame({"do": "stop", "id": self._number}))

    def _send(self, frame: Frame) -> None:
        if self._child is None or not self.ready:
            raise LiveStartingError
        assert self._child.stdin is not None
        self._child.stdin.write(pack(frame))

    async def _keep(self) -> None:
        pause = 0.2
        while True:
            began = time.monotonic()
            try:
                how = f"ended with {await self._run()}"
            except OSError as error:
                how = f"could not be started ({error.strerror})"
            pause = 0.2 if time.monotonic() - began > HEALTHY_S else min(LONGEST_PAUSE_S, 2 * pause)
            LOG.warning("the live worker %s: started again in %.1f s", how, pause)
            await asyncio.sleep(pause)

    async def _run(self) -> int:
        """One life of the worker; returns its exit code."""
        # a group of its own: Ctrl-C in the terminal reaches us, and the worker ends with us
        self._child = await asyncio.create_subprocess_exec(
            *self.command, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        await self._listen(self._child)
        return await self._child.wait()

    async def _listen(self, child: Process) -> None:
        assert child.stdout is not None
        try:
            while (frame := await receive_frame(child.stdout)) is not None:
                if frame.about.get("ready"):
                    self.ready = True
                elif frame.about.get("id") == self._number:
                    self._settle(frame)
        except ValueError:
            LOG.exception("the live worker speaks no frames")
            self.kill()
        finally:
            self.ready = False
            self._settle(LiveStartingError())

    def _settle(self, outcome: Frame | LiveStartingError) -> None:
        if self._answer is None or self._answer.done():
            return
        if isinstance(outcome, Frame):
            self._answer.set_result(outcome)
        else:
            self._answer.set_exception(outcome)


def _read(frame: Frame) -> Drawn:
    about = frame.about
    if about.get("stopped"):
        raise Cancelled("the picture was stopped: a newer one is wanted")
    if "code" in about:
        kind = SAID.get(about["code"], ServiceError)
        raise kind(about["text"], about["ru"])
    return Drawn(frame.data, about["media"], about["ms"])
