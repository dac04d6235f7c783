"""Rate limits: a bucket of tokens for every caller and for every address, in bounded memory."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from palitra.service.api.problems import problem_answer
from palitra.service.settings import Settings

FREE: Final = ("/healthz", "/readyz")
UPLOADS: Final = ("/v1/files", "/v1/images/edits")
LIVE: Final = "/v1/live"
LIVE_BURST_S: Final = 3
JOIN: Final = re.compile(r"/v1/studies/[^/]+/participants")
MOST_BUCKETS: Final = 20_000
HOUR_S: Final = 3600


@dataclass(frozen=True)
class Taken:
    """What is left in a bucket, and in how many seconds it holds a token again (0 when it does now)."""

    left: int
    wait_s: float


class Buckets:
    """Token buckets by name: `burst` at once, `rate` a second afterwards.

    A full bucket is as good as none. When there are too many, the one not used for longest is forgotten.
    """

    def __init__(
        self, rate: float, burst: float, most: int = MOST_BUCKETS, now: Callable[[], float] = time.monotonic
    ) -> None:
        assert rate > 0
        self.rate, self.burst, self.most, self._now = rate, burst, most, now
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> Taken:
        """Take a token; a refused one costs nothing."""
        now = self._now()
        tokens, at = self._kept.pop(name, (self.burst, now))
        tokens = min(self.burst, tokens + (now - at) * self.rate)
        granted = tokens >= 1
        self._kept[name] = (tokens - granted, now)
        if len(self._kept) > self.most:
            self._kept.popitem(last=False)
        return Taken(int(tokens - granted), 0.0 if granted else (1 - tokens) / self.rate)

    def __len__(self) -> int:
        return len(self._kept)


class Rates:
    """Pure ASGI middleware behind the guard: 429 with `Retry-After` over the bound, `RateLimit` on the rest.

    A caller is a key or a session; one that has just been made up counts by its address alone.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.rate, self.uploads = app, settings.rate, settings.uploads_per_hour
        self.burst = settings.rate_burst
        wide = settings.rate_addresses
        self._requests = _pair(settings.rate, settings.rate_burst, wide)
        self._files = _pair(self.uploads / HOUR_S, max(1, self.uploads), wide)
        self.joins = settings.joins_per_hour
        self.live = settings.live_rate
        self._live = _pair(self.live, max(1, LIVE_BURST_S * self.live), wide)
        self._joins = Buckets(self.joins / HOUR_S, self.joins) if self.joins else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, then hand on or refuse."""
        if scope["type"] != "http" or scope["path"] in FREE:
            await self.app(scope, receive, send)
            return
        names = (_caller(scope), _address(scope))
        taken = _take(self._requests, names)
        if taken and taken.wait_s:
            detail = f"`requests` must be at most {self.rate:g} a second, got more: wait {{}} s"
            await _refuse(scope, receive, send, taken, detail)
            return
        over = self._over(scope, names)
        if over:
            await _refuse(scope, receive, send, *over)
            return

        async def told(message: Message) -> None:
            if taken and message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["ratelimit-policy"] = (
                    f'"requests";q={self.burst};w={math.ceil(self.burst / self.rate)}'
                )
                headers["ratelimit"] = f'"requests";r={taken.left}'
            await send(message)

        await self.app(scope, receive, told)

    def _over(self, scope: Scope, names: tuple[str | None, str]) -> tuple[Taken, str] | None:
        """What has a bound of its own beside that of requests, when it is reached."""
        path = scope["path"]
        if scope["method"] != "POST":
            return None
        if path in UPLOADS:
            taken = _take(self._files, names)
            detail = f"`uploads` must be at most {self.uploads} an hour, got more: wait {{}} s"
        elif path == LIVE:
            taken = _take(self._live, names)
            detail = f"`live` must be at most {self.live:g} pictures a second, got more: wait {{}} s"
        elif self._joins is not None and JOIN.fullmatch(path):
            # by the address alone: who drops the cookie is somebody else, and would answer again
            taken = self._joins.take(names[1])
            detail = f"`participants` must be at most {self.joins} an hour, got more: wait {{}} s"
        else:
            return None
        return (taken, detail) if taken and taken.wait_s else None


def _pair(rate: float, burst: float, wide: float) -> tuple[Buckets, Buckets] | None:
    """Buckets of callers and of addresses; none where nothing is bounded."""
    return (Buckets(rate, burst), Buckets(rate * wide, burst * wide)) if rate else None


def _take(pair: tuple[Buckets, Buckets] | None, names: tuple[str | None, str]) -> Taken | None:
    if pair is None:
        return None
    took = [buckets.take(name) for buckets, name in zip(pair, names, strict=True) if name is not None]
    return max(took, key=lambda each: (each.wait_s, -each.left))


def _caller(scope: Scope) -> str | None:
    """A name for a key (and the person an agent asks for) or a session; secrets are not kept here either."""
    headers, state = Headers(scope=scope), scope["state"]
    secret = headers.get("authorization")
    if secret is None and state["fresh"]:
        return None
    name = f"{secret} {headers.get('palitra-owner', '')}" if secret else state["session"]
    return hashlib.sha256(name.encode()).hexdigest()


def _address(scope: Scope) -> str:
    """The peer; of IPv6 the first 64 bits, which one network has to itself."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return address.exploded[:19] if address.version == 6 else host


async def _refuse(scope: Scope, receive: Receive, send: Send, taken: Taken, detail: str) -> None:
    wait = math.ceil(taken.wait_s)
    answer = problem_answer(
        scope,
        429,
        "too_many",
        detail.format(wait),
        headers={"retry-after": str(wait), "ratelimit": f'"requests";r=0;t={wait}', "connection": "close"},
    )
    await answer(scope, receive, send)
