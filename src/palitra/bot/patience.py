"""Calls to Telegram that wait out its flood control and its outages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Final, TypeVar

from aiogram import Bot
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiohttp import ClientConnectorError, ClientError, ClientResponseError

from palitra.errors import InputError

T = TypeVar("T")
FIRST_WAIT_S: Final = 0.5
MOST_WAIT_S: Final = 30.0
DOWNLOAD_TRIES: Final = 4


class UnsureError(Exception):
    """The line broke after the request went out: nobody knows whether Telegram has done it."""


async def patiently(call: Callable[[], Awaitable[T]], *, repeatable: bool = True) -> T:
    """`await call()`, as often as needed; what must not happen twice is not `repeatable`.

    Raises:
        UnsureError: a call that is not repeatable may have succeeded.
        TelegramAPIError: Telegram refuses.
    """
    pause = FIRST_WAIT_S
    while True:
        try:
            return await call()
        except TelegramRetryAfter as error:
            await asyncio.sleep(error.retry_after)
        except TelegramEntityTooLarge:
            raise
        except (TelegramNetworkError, TelegramServerError) as error:
            if not repeatable and not isinstance(error.__cause__, ClientConnectorError):
                raise UnsureError from error
            await asyncio.sleep(pause)
            pause = min(MOST_WAIT_S, 2 * pause)


async def download(bot: Bot, file: str) -> bytes:
    """A picture that somebody sent.

    Raises:
        InputError: Telegram does not hand it out.
    """
    pause = FIRST_WAIT_S
    for rest in reversed(range(DOWNLOAD_TRIES)):
        try:
            found = await patiently(lambda: bot.get_file(file))
            buffer = BytesIO()
            await bot.download_file(found.file_path or "", buffer)
            return buffer.getvalue()
        except (TelegramBadRequest, TelegramNotFound):
            break
        except (ClientError, TimeoutError) as error:
            if not rest or (isinstance(error, ClientResponseError) and error.status < 500):
                break
            await asyncio.sleep(pause)
            pause *= 2
    raise InputError("Telegram does not hand out this picture")
