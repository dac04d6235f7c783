"""Carries each wish to its end: handed in, watched, delivered. A restart goes on where it stood."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Final

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import InlineKeyboardMarkup
from httpx import TransportError

from palitra.bot.delivery import Delivery
from palitra.bot.keyboards import Choice, keyboard
from palitra.bot.memory import Memory, Wish
from palitra.bot.patience import download
from palitra.bot.service import Service, is_away
from palitra.bot.settings import BotSettings
from palitra.bot.status import StatusMessage
from palitra.bot.texts import say
from palitra.bot.words_of_job import ending, progress, refusal
from palitra.client import ApiError, AsyncClient, Job
from palitra.errors import InputError

LOG = logging.getLogger("palitra.bot")
FIRST_WAIT_S: Final = 0.5
MOST_WAIT_S: Final = 10.0
PATIENCE_S: Final = 24 * 3600.0
"""For the word that people in photos agree."""


class Tracker:
    """One task per open wish."""

    def __init__(self, bot: Bot, memory: Memory, service: Service, settings: BotSettings) -> None:
        self.bot, self.memory, self.service, self.settings = bot, memory, service, settings
        self.delivery = Delivery(bot, memory, service)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._news: dict[int, asyncio.Event] = {}

    def accept(self, wish: Wish) -> None:
        """Write a wish down and begin; one that was accepted before is left alone."""
        accepted = self.memory.add_wish(wish)
        if accepted:
            self._begin(accepted)

    def resume(self) -> None:
        """Go on with everything that was open."""
        for wish in self.memory.open_wishes():
            self._begin(wish)

    def cancel(self, wish: Wish) -> None:
        """Stop a wish; the API is told as soon as it can be."""
        if wish.state in ("asked", "open"):
            self._change(wish, state="cancelled")

    def agree(self, wish: Wish) -> None:
        """The people in a wish's photos agree; the answer holds for the whole album."""
        for other in self.memory.open_wishes(wish.chat, wish.person):
            if other.state == "asked" and album_of(other) == album_of(wish):
                self._change(other, state="open", fields={**other.fields, "consent": True})

    def refuse(self, wish: Wish) -> None:
        """They do not: nothing is drawn from the album."""
        for other in self.memory.open_wishes(wish.chat, wish.person):
            if other.state == "asked" and album_of(other) == album_of(wish):
                self.cancel(other)

    async def stop(self) -> None:
        """Leave everything so that a new process can go on; a picture on its way still arrives."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.delivery.settle()

    def _begin(self, wish: Wish) -> None:
        self._news[wish.id] = asyncio.Event()
        task = asyncio.create_task(self._carry(wish))
        self._tasks[wish.id] = task

        def over(_: object) -> None:
            self._tasks.pop(wish.id, None)
            self._news.pop(wish.id, None)

        task.add_done_callback(over)

    async def _carry(self, wish: Wish) -> None:
        status = StatusMessage(self.bot, self.memory, wish, self.settings.edit_every_s)
        try:
            last = await self._follow(wish, status)
            if last is not None:
                await status.end(last)
        except TelegramAPIError as error:
            LOG.warning("wish %d cannot be delivered: %s", wish.id, error)
        except Exception:
            LOG.exception("wish %d", wish.id)
            await self._apologise(wish, status)
        self.memory.change_wish(wish.id, state="ended")

    async def _apologise(self, wish: Wish, status: StatusMessage) -> None:
        try:
            await status.end(say(wish.language, "fault"))
        except TelegramAPIError as error:
            LOG.warning("wish %d: %s", wish.id, error)

    async def _follow(self, wish: Wish, status: StatusMessage) -> str | None:
        """Until the pictures are there; returns the last words where there are none."""
        language = wish.language
        if wish.state == "asked":
            agreed = await self._ask(wish, status)
            if agreed is None:
                return say(language, "cancelled") if status.message is not None else None
            wish = agreed
        stop = Choice(say(language, "button_cancel"), "cancel", {"wish": wish.id})
        await status.open(
            say(language, "handing_in"), keyboard(self.memory, wish.chat, wish.person, [[stop]])
        )
        client = self.service.client(wish.person, language)
        try:
            if wish.job is None:
                wish = await self._hand_in(wish, status, client)
            if wish.job is None:
                return say(language, "cancelled")
            job = await self._watch(wish, wish.job, status, client)
            if job.state == "done":
                if not await self.delivery.deliver(wish, job, status, client):
                    await status.remove()
                return None
            code, last = (job.raw.get("error") or {}).get("code"), ending(job, language)
        except ApiError as error:
            code, last = error.code, refusal(error, language)
        except InputError:
            return say(language, "picture_lost")
        if code == "consent_needed" and not wish.fields.get("consent"):
            return await self._ask_late(wish, status)
        return last

    async def _ask_late(self, wish: Wish, status: StatusMessage) -> str | None:
        """The service heard of people, or saw some: with their word the wish is handed in again."""
        self.memory.change_wish(wish.id, state="asked", job=None)
        await status.ask(say(wish.language, "consent"), self._consent_buttons(wish))
        return await self._follow(replace(wish, state="asked", job=None), status)

    async def _ask(self, wish: Wish, status: StatusMessage) -> Wish | None:
        """The wish as soon as the people in its photos agree; None when nobody says so.

        Of an album the first wish asks, and the others wait for the same answer.
        """
        if wish.origin in (album_of(wish), f"{album_of(wish)}:0"):
            await status.open(say(wish.language, "consent"), self._consent_buttons(wish))
        until = wish.created_at + PATIENCE_S
        while True:
            now = self.memory.wish(wish.id)
            if now is None or now.state == "cancelled" or time.time() > until:
                return None
            if now.state == "open":
                return now
            await self._pause(wish, max(0.0, until - time.time()))

    def _consent_buttons(self, wish: Wish) -> InlineKeyboardMarkup:
        rows = [
            [Choice(say(wish.language, f"button_{a}"), a, {"wish": wish.id})] for a in ("agree", "refuse")
        ]
        return keyboard(self.memory, wish.chat, wish.person, rows)

    async def _hand_in(self, wish: Wish, status: StatusMessage, client: AsyncClient) -> Wish:
        """The wish with its job, or without one when it was cancelled before."""
        pause = FIRST_WAIT_S
        while not self._cancelled(wish):
            try:
                inputs = {name: await self._file(wish, name, client) for name in wish.inputs}
                job = await client.submit(
                    wish.recipe,
                    wish.prompt or None,
                    inputs=inputs,
                    idempotency_key=f"{self.bot.id}-{wish.origin}{'+' * bool(wish.fields.get('consent'))}",
                    **wish.fields,
                )
            except (ApiError, TransportError) as error:
                if not is_away(error):
                    raise
                await status.show(say(wish.language, "waiting_api"))
                await self._pause(wish, pause)
                pause = min(MOST_WAIT_S, 2 * pause)
                continue
            self.memory.change_wish(wish.id, job=job.id)
            return replace(wish, job=job.id)
        return wish

    async def _file(self, wish: Wish, name: str, client: AsyncClient) -> str:
        given = wish.inputs[name]
        if "file" not in given:
            given["file"] = await client.upload(await download(self.bot, given["telegram"]))
            self.memory.change_wish(wish.id, inputs=wish.inputs)
        return given["file"]

    async def _watch(self, wish: Wish, id_: str, status: StatusMessage, client: AsyncClient) -> Job:
        """Shows how the job goes until it has ended."""
        listener = asyncio.create_task(self._listen(wish, id_, client))
        preview: tuple[bytes, str] | None = None
        try:
            while True:
                try:
                    job = await (client.cancel(id_) if self._cancelled(wish) else client.job(id_))
                    if job.ended:
                        return job
                    if job.state == "running":
                        preview = await client.preview(id_, preview[1] if preview else "") or preview
                    text = progress(job, wish.language)
                except (ApiError, TransportError) as error:
                    if not is_away(error):
                        raise
                    text = say(wish.language, "waiting_api")
                await status.show(text, preview)
                await self._pause(wish, self.settings.edit_every_s)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _listen(self, wish: Wish, job: str, client: AsyncClient) -> None:
        """Wakes the watcher at the job's end; without it the watcher would only be later."""
        while True:
            try:
                async for _ in client.events(job):
                    pass
            except ApiError as error:
                if not is_away(error):
                    return
                await asyncio.sleep(MOST_WAIT_S)
                continue
            self._news[wish.id].set()
            return

    async def _pause(self, wish: Wish, seconds: float) -> None:
        """That long, or until there is news."""
        news = self._news[wish.id]
        try:
            await asyncio.wait_for(news.wait(), seconds)
            news.clear()
        except TimeoutError:
            pass

    def _change(self, wish: Wish, **values: object) -> None:
        """Write it down and wake the wish's task."""
        self.memory.change_wish(wish.id, **values)
        if wish.id in self._news:
            self._news[wish.id].set()

    def _cancelled(self, wish: Wish) -> bool:
        now = self.memory.wish(wish.id)
        return now is not None and now.state == "cancelled"


def album_of(wish: Wish) -> str:
    """What wishes of one message or album have in common."""
    return wish.origin.rpartition(":")[0] if wish.origin.startswith("m:") else wish.origin
