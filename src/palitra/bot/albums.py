"""Collects albums: their pictures come as single messages with a common number, one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from palitra.bot.memory import AlbumPicture, Memory

LOG = logging.getLogger("palitra.bot")
MOST: Final = 10


class Albums:
    """An album is complete when nothing has come for a while. A restart keeps what has come."""

    def __init__(
        self, memory: Memory, quiet_s: float, ready: Callable[[list[AlbumPicture]], Awaitable[None]]
    ) -> None:
        self.memory, self.quiet_s, self.ready = memory, quiet_s, ready
        self._waits: dict[tuple[int, str], asyncio.Task[None]] = {}

    def add(self, picture: AlbumPicture) -> None:
        """Another picture."""
        self.memory.keep_album_picture(picture)
        self._wait(picture.chat, picture.group)

    def resume(self) -> None:
        """Go on with albums that were arriving."""
        for chat, group in self.memory.albums():
            self._wait(chat, group)

    async def stop(self) -> None:
        """Leave the rest to the next process."""
        waits = list(self._waits.values())
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    def _wait(self, chat: int, group: str) -> None:
        key = (chat, group)
        if key in self._waits:
            self._waits[key].cancel()
        self._waits[key] = asyncio.create_task(self._complete(chat, group))

    async def _complete(self, chat: int, group: str) -> None:
        await asyncio.sleep(self.quiet_s)
        # from here on a late picture begins an album of its own
        self._waits.pop((chat, group), None)
        pictures = self.memory.album(chat, group)
        try:
            await self.ready(pictures)
        except Exception:
            LOG.exception("album")
        self.memory.forget_album(pictures)
