"""One reader of new events for all open streams of this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from sqlalchemy import Engine

from palitra.service.jobs.events import Event, events_after, last_event_id, newest_events

LOG = logging.getLogger("palitra.api")
TICK_S = 0.1
WINDOW = 500
"""Ids looked back over: PostgreSQL may commit a lower id after a higher one."""


class EventHub:
    """Asks the database ten times a second, once for all streams, and only while there are any."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._streams: dict[str, set[asyncio.Queue[Event]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._reading = asyncio.Event()

    async def stream(self, job: str, after: int) -> AsyncIterator[Event]:
        """A job's events from number `after` on, each once and in order, until its end."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._streams.setdefault(job, set()).add(queue)
        self._wake()
        try:
            # from here on every new event reaches the queue, so what is read now joins it without a gap
            await self._reading.wait()
            last = after
            for event in await asyncio.to_thread(events_after, self.engine, job, last):
                last = event.seq
                yield event
                if event.kind == "end":
                    return
            while True:
                event = await queue.get()
                if event.seq <= last:
                    continue
                # a number was skipped: read the gap from the database, which has it by now
                news = (
                    [event]
                    if event.seq == last + 1
                    else await asyncio.to_thread(events_after, self.engine, job, last)
                )
                for each in news:
                    last = each.seq
                    yield each
                    if each.kind == "end":
                        return
        finally:
            self._streams[job].discard(queue)
            if not self._streams[job]:
                del self._streams[job]

    async def close(self) -> None:
        """Stop asking."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._reading.clear()
            self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        seen = await asyncio.to_thread(last_event_id, self.engine)
        self._reading.set()
        while self._streams:
            try:
                news = await asyncio.to_thread(newest_events, self.engine, seen - self._window)
            except Exception:
                LOG.exception("cannot read events")
                news = []
            for event in news:
                seen = max(seen, event.id)
                for queue in self._streams.get(event.job, ()):
                    queue.put_nowait(event)
            await asyncio.sleep(TICK_S)

    @property
    def _window(self) -> int:
        return 0 if self.engine.dialect.name == "sqlite" else WINDOW
