"""Brings finished pictures into the chat: each arrives once, whatever breaks in between."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, InlineKeyboardMarkup
from httpx import TransportError

from palitra.bot.keyboards import keyboard, picture_rows
from palitra.bot.memory import Memory, Wish
from palitra.bot.patience import UnsureError, patiently
from palitra.bot.service import Service, is_away
from palitra.bot.status import StatusMessage, reply_to
from palitra.bot.words_of_job import caption
from palitra.client import ApiError, AsyncClient, Image, Job

LOG = logging.getLogger("palitra.bot")
SETTLE_S: Final = 10.0
WAIT_S: Final = 1.0


class Delivery:
    """Sends pictures. What is on its way when the bot stops is let through.

    A picture is written down before it is sent and after it arrived. Where the second note is missing, the
    line broke or the bot died in between and the picture may be in the chat: then the status message is
    edited into it, which can be repeated without a second message.
    """

    def __init__(self, bot: Bot, memory: Memory, service: Service) -> None:
        self.bot, self.memory, self.service = bot, memory, service
        self._sending: set[asyncio.Task[None]] = set()

    async def settle(self) -> None:
        """Wait for what is on its way."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=SETTLE_S)

    async def deliver(self, wish: Wish, job: Job, status: StatusMessage, client: AsyncClient) -> bool:
        """Everything that has not arrived; returns whether the status message became one of the pictures."""
        recipes, _ = await self.service.catalogue()
        kept = False
        for image in job.images:
            arrived = self.memory.sent(wish.id).get(image.id)
            if arrived:
                continue
            jpeg = await self._fetch(image, client)
            words = caption(wish, job, image, recipes.get(wish.recipe))
            rows = picture_rows(job.id, image.id, image.seed, job.raw["params"], wish.language)
            buttons = keyboard(self.memory, wish.chat, wish.person, rows)
            if arrived is None:
                arrived = await self._send_once(wish, image, jpeg, words, buttons)
            if not arrived:
                kept = (
                    await self._show_again(wish, image, jpeg, words, buttons, None if kept else status)
                    or kept
                )
                self.memory.note_sent(wish.id, image.id, arrived=True)
        return kept

    async def _send_once(
        self, wish: Wish, image: Image, jpeg: bytes, words: str, buttons: InlineKeyboardMarkup
    ) -> bool:
        """Whether it surely arrived; a bot that is stopped meanwhile lets it through."""
        task = asyncio.create_task(self._send_noted(wish, image, jpeg, words, buttons))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        try:
            await asyncio.shield(task)
        except UnsureError:
            LOG.warning("wish %d: nobody knows whether picture %s arrived", wish.id, image.id)
            return False
        return True

    async def _show_again(
        self,
        wish: Wish,
        image: Image,
        jpeg: bytes,
        words: str,
        buttons: InlineKeyboardMarkup,
        status: StatusMessage | None,
    ) -> bool:
        """In the status message, where that is there and still free: else twice is better than never."""
        if status:
            try:
                await status.become(jpeg, words, buttons)
            except TelegramBadRequest:
                LOG.info("wish %d: the status message is gone", wish.id)
            else:
                return True
        await self._send(wish, image, jpeg, words, buttons, repeatable=True)
        return False

    async def _send_noted(
        self, wish: Wish, image: Image, jpeg: bytes, words: str, buttons: InlineKeyboardMarkup
    ) -> None:
        self.memory.note_sent(wish.id, image.id, arrived=False)
        await self._send(wish, image, jpeg, words, buttons, repeatable=False)
        self.memory.note_sent(wish.id, image.id, arrived=True)

    async def _send(
        self,
        wish: Wish,
        image: Image,
        jpeg: bytes,
        words: str,
        buttons: InlineKeyboardMarkup,
        *,
        repeatable: bool,
    ) -> None:
        file = BufferedInputFile(jpeg, f"palitra-{image.seed}.jpg")
        rest: dict[str, Any] = {
            "caption": words,
            "reply_parameters": reply_to(wish),
            "reply_markup": buttons,
            "parse_mode": None,
        }
        try:
            await patiently(lambda: self.bot.send_photo(wish.chat, file, **rest), repeatable=repeatable)
        except TelegramBadRequest:
            # too long and thin for a photo, or too large
            await patiently(lambda: self.bot.send_document(wish.chat, file, **rest), repeatable=repeatable)

    async def _fetch(self, image: Image, client: AsyncClient) -> bytes:
        while True:
            try:
                return await client.image(image.id, "jpeg")
            except (ApiError, TransportError) as error:
                if not is_away(error):
                    raise
                await asyncio.sleep(WAIT_S)
