"""`palitra bot`: the Telegram bot, a client of a running service."""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec

from palitra.errors import InputError

NEEDED = ("aiogram", "httpx", "sqlalchemy", "pydantic_settings")


def bot() -> None:
    """Run the Telegram bot; its settings are PALITRA_BOT_… or palitra-bot.toml, see docs/bot.md."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f"the bot needs more libraries ({', '.join(missing)}): pip install 'palitra[bot]'")
    import asyncio

    from pydantic import ValidationError

    from palitra.bot.redact import SecretFilter
    from palitra.bot.run import run_bot
    from palitra.bot.settings import BotSettings

    try:
        settings = BotSettings().check()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"`PALITRA_BOT_{name}` {reason[0].lower()}{reason[1:]}") from None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(SecretFilter(settings.secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("httpx", "aiogram.event"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    asyncio.run(run_bot(settings))
