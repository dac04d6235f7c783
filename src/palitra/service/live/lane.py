"""Whose live picture is drawn next: one at a time, the newest of every tab, owners in turns."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from palitra.errors import BusyError, LiveStartingError, PalitraError, ServiceError, SupersededError
from palitra.service.live.process import Drawn, LiveProcess

LOG = logging.getLogger("palitra.live")
K = TypeVar("K")
MOST_WAITING: Final = 16
MOST_WAITING_OF_OWNER: Final = 4
MOST_REMEMBERED: Final = 2000


class Link(Protocol):
    """Who draws: a `LiveProcess`."""

    @property
    def ready(self) -> bool:
        """Whether it can draw now."""
        ...

    async def draw(self, png: bytes, prompt: str, seed: int) -> Drawn:
        """One picture; errors as `LiveProcess.draw`."""
        ...

    def stop(self) -> None:
        """End the picture under way."""
        ...


@dataclass(eq=False)
class Wish:
    """One drawing of one tab; `number` grows with each of them."""

    owner: str
    tab: str
    number: int
    png: bytes
    prompt: str
    seed: int
    answer: asyncio.Future[Drawn] = field(init=False)

    @property
    def slot(self) -> tuple[str, str]:
        """Every tab of every owner has a place of its own."""
        return self.owner, self.tab

    def refuse(self, error: PalitraError) -> None:
        """Answer with a problem, unless there is an answer."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Lane:
    """Wishes for live pictures. Lives in one event loop; nothing of a wish outlives its answer."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: OrderedDict[tuple[str, str], Wish] = OrderedDict()
        self._drawing: Wish | None = None
        self._wanted = asyncio.Event()
        self._newest: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._turns: OrderedDict[str, int] = OrderedDict()
        self._turn = 0
        self._server: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether pictures can be drawn now."""
        return self._link.ready

    def knows(self, wish: Wish) -> bool:
        """Whether the wish's tab has asked before."""
        return wish.slot in self._newest

    def start(self) -> None:
        """Begin to draw what is asked for."""
        self._server = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """Answer that it is over to all who wait."""
        if self._server is not None:
            self._server.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._server
        for wish in self._waiting.values():
            wish.refuse(LiveStartingError())

    async def ask(self, wish: Wish) -> Drawn:
        """The wish's picture. An older wish of the same tab ends, waiting or under way.

        Who is cancelled gives up its place, and the drawing under way.

        Raises:
            SupersededError: a newer wish of the same tab has come, before or meanwhile.
            BusyError: too many tabs wait.
            LiveStartingError: nobody can draw now, or not any more.
            PalitraError: what was wrong with the wish.
        """
        if not self.ready:
            raise LiveStartingError
        if wish.number < self._newest.get(wish.slot, 0):
            raise SupersededError
        self._check_room(wish)
        _remember(self._newest, wish.slot, wish.number)
        wish.answer = asyncio.get_running_loop().create_future()
        self._end_older(wish)
        # in the older one's place: a tab that draws quickly must not lose its turn again and again
        self._waiting[wish.slot] = wish
        self._wanted.set()
        try:
            return await wish.answer
        finally:
            if self._waiting.get(wish.slot) is wish:
                del self._waiting[wish.slot]
            if self._drawing is wish:
                self._link.stop()

    def _check_room(self, wish: Wish) -> None:
        if wish.slot in self._waiting:
            return
        own = sum(owner == wish.owner for owner, _ in self._waiting)
        if own >= MOST_WAITING_OF_OWNER:
            most = MOST_WAITING_OF_OWNER
            raise BusyError(f"`tabs` of yours that wait must be at most {most}, got {own + 1}", 1)
        if len(self._waiting) >= MOST_WAITING:
            message = f"`tabs` that wait must be at most {MOST_WAITING}, got {MOST_WAITING + 1}"
            raise BusyError(message, 2, status=503)

    def _end_older(self, wish: Wish) -> None:
        older = self._waiting.get(wish.slot)
        if older is not None:
            older.refuse(SupersededError())
        if self._drawing is not None and self._drawing.slot == wish.slot:
            self._drawing.refuse(SupersededError())
            self._link.stop()

    async def _serve(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._waiting:
                self._wanted.clear()
                continue
            wish = self._next()
            self._drawing = wish
            try:
                drawn = await self._link.draw(wish.png, wish.prompt, wish.seed)
            except PalitraError as error:
                wish.refuse(error)
            except Exception:
                LOG.exception("the live lane failed")
                wish.refuse(ServiceError("a fault of ours; it is in the log"))
            else:
                if not wish.answer.done():
                    wish.answer.set_result(drawn)
            finally:
                wish.refuse(LiveStartingError())  # the lane was closed meanwhile
                self._drawing = None

    def _next(self) -> Wish:
        """Of the owner whose turn was longest ago, the tab that waits longest."""
        slot = min(self._waiting, key=lambda each: self._turns.get(each[0], 0))
        self._turn += 1
        _remember(self._turns, slot[0], self._turn)
        return self._waiting.pop(slot)


@asynccontextmanager
async def open_lane(command: Sequence[str] | None) -> AsyncIterator[Lane | None]:
    """A lane with a live worker of its own; None without a command."""
    if command is None:
        yield None
        return
    worker = LiveProcess(command)
    lane = Lane(worker)
    worker.start()
    lane.start()
    try:
        yield lane
    finally:
        await lane.close()
        await worker.close()


def _remember(kept: OrderedDict[K, int], key: K, value: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MOST_REMEMBERED:
        kept.popitem(last=False)
