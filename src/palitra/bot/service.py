"""The REST API as the bot uses it: for one person at a time, in their language, over shared connections."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

import httpx

from palitra.bot.recipe import Preset, Recipe
from palitra.bot.settings import BotSettings
from palitra.bot.texts import Language
from palitra.client import ApiError, AsyncClient

LOG = logging.getLogger("palitra.bot")
FRESH_S: Final = 60.0
MOST_WAIT_S: Final = 10.0


class Service:
    """Makes clients, and knows the recipes."""

    def __init__(self, settings: BotSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.settings = settings
        self._transport = transport or httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20)
        )
        self._recipes: dict[str, Recipe] = {}
        self._presets: tuple[Preset, ...] = ()
        self._asked_at = -FRESH_S

    def client(self, person: int, language: Language = "en") -> AsyncClient:
        """A client for one Telegram user, who is an owner of their own. It need not be closed."""
        headers = {"palitra-owner": f"tg-{person}", "accept-language": language}
        return self._client(headers)

    async def close(self) -> None:
        """Close the shared connections."""
        await self._transport.aclose()

    async def wait(self) -> None:
        """Until the API answers; says once that it waits.

        Raises:
            ApiError: it answers, but does not let the bot in.
        """
        pause, told = 0.2, False
        while True:
            try:
                client = self._client({"palitra-owner": "tg-0"})
                answer = await client.http.get("/v1/jobs", params={"limit": 1})
                if answer.status_code in (401, 403):
                    raise ApiError(answer.status_code, "no_access", str(answer.json().get("detail", "")))
                if answer.is_success:
                    await self.catalogue()
                    return
            except (httpx.TransportError, ApiError) as error:
                if isinstance(error, ApiError) and error.status < 500:
                    raise
            if not told:
                LOG.warning("waiting for %s", self.settings.api_url)
                told = True
            await asyncio.sleep(pause)
            pause = min(MOST_WAIT_S, 2 * pause)

    async def catalogue(self) -> tuple[dict[str, Recipe], Sequence[Preset]]:
        """Recipes and presets, at most a minute old, or the last known where the API does not answer."""
        if time.monotonic() - self._asked_at > FRESH_S:
            client = self._client({})
            try:
                recipes, presets = await client.recipes(), await client.presets()
            except (httpx.TransportError, ApiError):
                if not self._recipes:
                    raise
            else:
                self._recipes = {name: Recipe.of(name, told) for name, told in recipes.items()}
                self._presets = tuple(Preset(p["name"], p["text"], p["values"]) for p in presets)
                self._asked_at = time.monotonic()
        return self._recipes, self._presets

    def _client(self, headers: dict[str, str]) -> AsyncClient:
        key = self.settings.api_key.get_secret_value()
        return AsyncClient(self.settings.api_url, key, transport=self._transport, headers=headers)


def is_away(error: Exception) -> bool:
    """Whether the API is down or too busy for the moment, so that trying again soon is right."""
    if isinstance(error, ApiError):
        soon = error.code == "too_many" and (error.retry_after_s or 0) <= MOST_WAIT_S
        return soon or (error.status >= 500 and error.code != "queue_full")
    return isinstance(error, httpx.TransportError)
