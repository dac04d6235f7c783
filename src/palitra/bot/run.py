"""Puts the bot together and runs it: long polling, or a webhook behind an https address."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError, TelegramUnauthorizedError
from aiogram.types import ErrorEvent
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web
from httpx import TransportError

from palitra.bot import buttons, commands
from palitra.bot.access import Access, Turns
from palitra.bot.albums import Albums
from palitra.bot.conversation import Conversation
from palitra.bot.memory import Memory
from palitra.bot.patience import patiently
from palitra.bot.service import Service
from palitra.bot.settings import BotSettings
from palitra.bot.texts import language_of, say
from palitra.bot.tracker import Tracker
from palitra.client import ApiError
from palitra.errors import AccessError, InputError

LOG = logging.getLogger("palitra.bot")
UPDATES: Final = ["message", "callback_query"]
SETTLE_S: Final = 10.0
POLL_S: Final = 25
FORGET_EVERY_S: Final = 6 * 3600.0


@dataclass(frozen=True)
class Parts:
    """Everything the bot is made of."""

    settings: BotSettings
    bot: Bot
    dispatcher: Dispatcher
    memory: Memory
    service: Service
    tracker: Tracker
    albums: Albums
    turns: Turns


def assemble(settings: BotSettings) -> Parts:
    """The parts, connected; nothing runs yet. To be called in the event loop."""
    bot = Bot(
        settings.token.get_secret_value(),
        AiohttpSession(api=TelegramAPIServer.from_base(settings.telegram_url)),
    )
    memory, service, turns = Memory(settings.database_url), Service(settings), Turns()
    tracker = Tracker(bot, memory, service, settings)
    conversation = Conversation(bot, memory, service, tracker, turns)
    albums = Albums(memory, settings.album_quiet_s, conversation.album)
    dispatcher = Dispatcher(
        disable_fsm=True,
        settings=settings,
        memory=memory,
        service=service,
        tracker=tracker,
        conversation=conversation,
        albums=albums,
    )
    access = Access(settings, memory, turns)
    dispatcher.message.outer_middleware(access)
    dispatcher.callback_query.outer_middleware(access)
    dispatcher.include_routers(commands.make_router(), buttons.make_router())
    dispatcher.errors.register(apologise)
    return Parts(settings, bot, dispatcher, memory, service, tracker, albums, turns)


async def apologise(event: ErrorEvent, memory: Memory) -> bool:
    """What a handler could not do is said in a sentence; only faults of ours are logged with a traceback."""
    error = event.exception
    query, message = event.update.callback_query, event.update.message
    source = query or message
    person = source.from_user if source else None
    language = (memory.person(person.id).language if person else None) or language_of(
        person.language_code if person else None
    )
    if isinstance(error, ApiError) and error.status < 500:
        text = say(language, "failed", detail=str(error))
    elif isinstance(error, ApiError | TransportError):
        text = say(language, "unavailable")
    else:
        LOG.error("a handler failed", exc_info=error)
        text = say(language, "fault")
    try:
        if query:
            await query.answer(text[:200], show_alert=True)
        elif message:
            await message.answer(text, parse_mode=None)
    except TelegramAPIError as again:
        LOG.warning("cannot apologise: %s", again)
    return True


async def run_bot(settings: BotSettings) -> None:
    """Until SIGTERM or Ctrl-C.

    Raises:
        InputError: Telegram does not know the token.
        AccessError: the service does not take the key.
    """
    await run(assemble(settings))


async def run(parts: Parts) -> None:
    """Run what was assembled, then close it."""
    try:
        await _prepare(parts)
        _hook(parts)
        forgetting = asyncio.create_task(_forget(parts))
        try:
            await (_serve_webhook(parts) if parts.settings.webhook_url else _poll(parts))
        finally:
            forgetting.cancel()
    finally:
        await parts.bot.session.close()
        await parts.service.close()
        parts.memory.close()


async def _prepare(parts: Parts) -> None:
    try:
        await parts.service.wait()
    except ApiError as error:
        raise AccessError(f"the service at {parts.settings.api_url} refuses the bot: {error}") from None
    try:
        me = await patiently(parts.bot.me)
    except TelegramUnauthorizedError:
        raise InputError("`PALITRA_BOT_TOKEN` is unknown to Telegram") from None
    LOG.info("I am @%s", me.username)
    await patiently(lambda: commands.set_menu(parts.bot))


def _hook(parts: Parts) -> None:
    """What happens before the first update and after the last."""

    async def resume() -> None:
        parts.tracker.resume()
        parts.albums.resume()

    async def settle() -> None:
        await parts.turns.settle(SETTLE_S)
        await parts.albums.stop()
        await parts.tracker.stop()

    parts.dispatcher.startup.register(resume)
    parts.dispatcher.shutdown.register(settle)


async def _forget(parts: Parts) -> None:
    while True:
        parts.memory.forget(parts.settings.keep_days)
        await asyncio.sleep(FORGET_EVERY_S)


async def _poll(parts: Parts) -> None:
    await patiently(parts.bot.delete_webhook)
    await parts.dispatcher.start_polling(
        parts.bot, polling_timeout=POLL_S, allowed_updates=UPDATES, close_bot_session=False
    )


async def _serve_webhook(parts: Parts) -> None:
    """Listens on this machine; a web server in front ends the https."""
    settings = parts.settings
    app = make_webhook(parts)
    secret = settings.webhook_secret.get_secret_value()
    await patiently(
        lambda: parts.bot.set_webhook(
            settings.webhook_url, allowed_updates=UPDATES, secret_token=secret, drop_pending_updates=False
        )
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.webhook_host, settings.webhook_port).start()
        LOG.info("webhook at %s:%d", settings.webhook_host, settings.webhook_port)
        await _stopped()
    finally:
        await runner.cleanup()


async def _stopped() -> None:
    """Until somebody stops this process."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows has no handlers of signals on its loop; there Ctrl-C ends the process by itself
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    await stop.wait()


def make_webhook(parts: Parts) -> web.Application:
    """Takes updates with the secret token at the url's path, and nothing else."""
    app = web.Application()
    secret = parts.settings.webhook_secret.get_secret_value()
    # answered after it is dealt with: what breaks before is sent again
    handler = SimpleRequestHandler(
        parts.dispatcher, parts.bot, handle_in_background=False, secret_token=secret
    )
    handler.register(app, path=urlsplit(parts.settings.webhook_url).path or "/")
    setup_application(app, parts.dispatcher, bot=parts.bot)
    return app
