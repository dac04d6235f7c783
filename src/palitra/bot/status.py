"""The one status message of a wish: sent once, then edited, never too often and only when it changes."""

from __future__ import annotations

import asyncio
import contextlib
import time

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramRetryAfter
from aiogram.types import BufferedInputFile, InlineKeyboardMarkup, InputMediaPhoto, ReplyParameters

from palitra.bot.memory import Memory, Wish
from palitra.bot.patience import patiently


def reply_to(wish: Wish) -> ReplyParameters | None:
    """The message that a wish answers, if it is still there."""
    if wish.answers is None:
        return None
    return ReplyParameters(message_id=wish.answers, allow_sending_without_reply=True)


class StatusMessage:
    """Knows what it shows. Text at first; it becomes a picture with a caption at the first preview."""

    def __init__(self, bot: Bot, memory: Memory, wish: Wish, every_s: float) -> None:
        self.bot, self.memory, self.wish, self.every_s = bot, memory, wish, every_s
        self.message = wish.status
        self._text: str | None = None
        self._preview: str | None = None
        self._keyboard: InlineKeyboardMarkup | None = None
        self._is_photo = False
        self._next_at = 0.0

    async def open(self, text: str, keyboard: InlineKeyboardMarkup) -> None:
        """Send it, unless that was done before a restart."""
        self._keyboard = keyboard
        if self.message is not None:
            return
        wish = self.wish
        sent = await patiently(
            lambda: self.bot.send_message(
                wish.chat, text, reply_parameters=reply_to(wish), reply_markup=keyboard, parse_mode=None
            )
        )
        self.message = sent.message_id
        self.memory.change_wish(wish.id, status=self.message)
        self._shown(text, None)

    async def ask(self, text: str, keyboard: InlineKeyboardMarkup) -> None:
        """Turn into a question, whatever it showed."""
        self._keyboard = keyboard
        await self._turn()
        with contextlib.suppress(TelegramBadRequest):
            await patiently(lambda: self._edit(text, keyboard))
        self._shown(text, None)

    async def show(self, text: str, preview: tuple[bytes, str] | None = None) -> None:
        """Show this if the time has come and it is new; the caller comes again anyway."""
        tag = preview[1] if preview else None
        if self.message is None or time.monotonic() < self._next_at:
            return
        if text == self._text and tag in (None, self._preview):
            return
        try:
            if preview and tag != self._preview:
                try:
                    await self._become(preview[0], text, self._keyboard)
                except TelegramRetryAfter:
                    raise
                except TelegramBadRequest:
                    # Telegram does not take every small picture; the words matter more
                    await self._edit(text, self._keyboard)
            else:
                await self._edit(text, self._keyboard)
        except TelegramRetryAfter as error:
            self._next_at = time.monotonic() + error.retry_after
            return
        except TelegramAPIError:
            # deleted by its reader, or Telegram is away: the result comes all the same
            self._next_at = time.monotonic() + self.every_s
            return
        self._shown(text, tag or self._preview)

    async def end(self, text: str) -> None:
        """The last words, without buttons."""
        await self._turn()
        with contextlib.suppress(TelegramBadRequest):
            await patiently(lambda: self._edit(text, None))

    async def become(self, jpeg: bytes, text: str, keyboard: InlineKeyboardMarkup) -> None:
        """Turn into a result: an edit may be repeated without showing anything twice."""
        await self._turn()
        await patiently(lambda: self._become(jpeg, text, keyboard))

    async def remove(self) -> None:
        """Take it away."""
        if self.message is not None:
            message = self.message
            with contextlib.suppress(TelegramBadRequest):
                await patiently(lambda: self.bot.delete_message(self.wish.chat, message))

    async def _turn(self) -> None:
        await asyncio.sleep(max(0.0, self._next_at - time.monotonic()))

    def _shown(self, text: str, preview: str | None) -> None:
        self._text, self._preview = text, preview
        self._next_at = time.monotonic() + self.every_s

    async def _become(self, jpeg: bytes, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
        file = BufferedInputFile(jpeg, "palitra.jpg")
        media = InputMediaPhoto(media=file, caption=text, parse_mode=None)
        await self.bot.edit_message_media(
            media, chat_id=self.wish.chat, message_id=self.message, reply_markup=keyboard
        )
        self._is_photo = True

    async def _edit(self, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
        try:
            await self._edit_words(text, keyboard)
        except TelegramBadRequest as error:
            if "not modified" in error.message:
                return
            if self._is_photo or "no text in the message" not in error.message:
                raise
            # it became a picture before a restart
            self._is_photo = True
            await self._edit_words(text, keyboard)

    async def _edit_words(self, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
        chat, message = self.wish.chat, self.message
        if self._is_photo:
            await self.bot.edit_message_caption(
                chat_id=chat, message_id=message, caption=text, reply_markup=keyboard, parse_mode=None
            )
        else:
            await self.bot.edit_message_text(
                text, chat_id=chat, message_id=message, reply_markup=keyboard, parse_mode=None
            )
