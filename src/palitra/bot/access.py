"""Who is heard: people on the list, in groups only when they speak to the bot, and one at a time each."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final
from weakref import WeakValueDictionary

from aiogram import BaseMiddleware
from aiogram.enums import ChatType, MessageEntityType
from aiogram.types import CallbackQuery, Message, TelegramObject, User

from palitra.bot.memory import Memory
from palitra.bot.settings import BotSettings
from palitra.bot.texts import Language, language_of, say

MOST_STRANGERS: Final = 1000
Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Turns:
    """What one person sends is dealt with in order, what different people send at once."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._busy: set[asyncio.Task[Any]] = set()

    def of(self, person: int) -> asyncio.Lock:
        """The person's turn."""
        lock = self._locks.get(person)
        if lock is None:
            self._locks[person] = lock = asyncio.Lock()
        return lock

    def note(self) -> None:
        """The current task deals with somebody; `settle` waits for it."""
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def settle(self, seconds: float) -> None:
        """Wait for what was begun: Telegram does not send it again."""
        others = self._busy - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=seconds)


class Access(BaseMiddleware):
    """Lets through whom the settings allow; handlers get `language`, `addressed` and `words`."""

    def __init__(self, settings: BotSettings, memory: Memory, turns: Turns) -> None:
        self.settings, self.memory, self.turns = settings, memory, turns
        self._told: OrderedDict[int, None] = OrderedDict()

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        """Refuse, ignore, or hand on."""
        person = event.from_user if isinstance(event, Message | CallbackQuery) else None
        if person is None or person.is_bot:
            return None
        data["language"] = language = self.memory.person(person.id).language or language_of(
            person.language_code
        )
        if not self.settings.allows(person.id):
            await self._refuse(event, person, language)
            return None
        if isinstance(event, Message):
            me = await data["bot"].me()
            data["addressed"] = addressed(event, me)
            data["words"] = words_of(event, me)
            if not data["addressed"] and not event.media_group_id:
                return None
        self.turns.note()
        async with self.turns.of(person.id):
            return await handler(event, data)

    async def _refuse(self, event: TelegramObject, person: User, language: Language) -> None:
        text = say(language, "private", person=person.id)
        if isinstance(event, CallbackQuery):
            await event.answer(text, show_alert=True)
        elif isinstance(event, Message) and event.chat.type == ChatType.PRIVATE:
            if person.id in self._told:
                return
            # once each: a stranger must not use up what Telegram lets the bot send
            self._told[person.id] = None
            if len(self._told) > MOST_STRANGERS:
                self._told.popitem(last=False)
            await event.answer(text, parse_mode=None)


def addressed(message: Message, me: User) -> bool:
    """Whether a message is for the bot: private, an answer to it, or naming it."""
    if message.chat.type == ChatType.PRIVATE:
        return True
    answered = message.reply_to_message
    if answered and answered.from_user and answered.from_user.id == me.id:
        return True
    return bool(_mentions(message, me))


def words_of(message: Message, me: User) -> str:
    """Text or caption without the bot's name."""
    text = message.text or message.caption or ""
    for mention in _mentions(message, me):
        if mention.startswith("@"):
            text = text.replace(mention, " ")
    return " ".join(text.split()) if text != (message.text or message.caption or "") else text.strip()


def _mentions(message: Message, me: User) -> list[str]:
    text = message.text or message.caption or ""
    name = f"@{me.username}".lower()
    found = []
    for entity in message.entities or message.caption_entities or ():
        part = entity.extract_from(text)
        by_name = entity.type == MessageEntityType.MENTION and part.lower() == name
        by_number = entity.type == MessageEntityType.TEXT_MENTION and entity.user and entity.user.id == me.id
        command = entity.type == MessageEntityType.BOT_COMMAND and part.lower().endswith(name)
        if by_name or by_number or command:
            found.append(part)
    return found
