"""What every request passes first: known host, no foreign origin, bounded body, a session, safe headers.

Every answer carries the id of its request, which logs and problems name too.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from palitra.service.api.problems import problem_answer
from palitra.service.live.bounds import LIVE_BYTES
from palitra.service.logs import REQUEST
from palitra.service.sessions import new_token
from palitra.service.settings import Settings

COOKIE: Final = "palitra_session"
SAFE: Final = ("GET", "HEAD", "OPTIONS")
COOKIELESS: Final = ("/study/", "/assets/", "/palitra.svg")
"""No session begins here: these are files of pages, and a page's first call begins one (see `_navigates`)."""
SMALL: Final = {"/v1/live": LIVE_BYTES + 64 * 1024}
"""Bounds of bodies that are smaller than that of uploads."""
HEADERS: Final = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; "
    "script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_YEAR_S: Final = 365 * 24 * 3600


class RefusedError(Exception):
    """A body was not taken to its end: too large, or too slow."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = (status, code, detail)


class Guard:
    """Pure ASGI middleware. A foreign Host (DNS rebinding) or Origin (CSRF) is refused with 403."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.most_bytes = settings.most_upload_bytes + 64 * 1024
        self.body_s = settings.body_s
        self.hosts = {host.lower() for host in (*settings.trusted_hosts, settings.host)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then hand on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token, fresh = _session(headers)
        state = scope.setdefault("state", {})
        state |= {"request": secrets.token_hex(8), "session": token, "fresh": fresh}
        named = REQUEST.set(state["request"])
        most = min(self.most_bytes, SMALL.get(scope["path"], self.most_bytes))
        passing = _Passing(scope, receive, send, most, self.body_s)
        try:
            fault = self._fault(scope["method"], headers, most)
            if fault:
                await passing.refuse(*fault)
                return
            await self.app(scope, passing.receive, passing.send)
        except RefusedError as error:
            await passing.refuse(*error.fault)
        finally:
            REQUEST.reset(named)

    def _fault(self, method: str, headers: Headers, most: int) -> tuple[int, str, str] | None:
        host = headers.get("host", "").lower()
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if name not in self.hosts:
            return 403, "bad_host", f"`Host` must be one of {', '.join(sorted(self.hosts))}, got {name[:80]}"
        origin = headers.get("origin")
        if method not in SAFE and origin and urlsplit(origin).netloc.lower() != host:
            return 403, "bad_origin", f"`Origin` must be {host}, got {origin[:80]}"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > most:
            return 413, "too_large", f"`body` must have at most {most} bytes, got {length[:20]}"
        return None


class _Passing:
    """One request on its way through: counts and times its body, dresses its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, most_bytes: int, body_s: float) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._most, self._until = most_bytes, time.monotonic() + body_s
        self._read = 0
        self._whole = self._begun = False
        self._refused: RefusedError | None = None

    async def receive(self) -> Message:
        if self._whole:  # what comes now is only that the other side has gone
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise self._refuse(408, "too_slow", "`body` must arrive in time, but it did not") from None
        self._read += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._read > self._most:
            raise self._refuse(
                413, "too_large", f"`body` must have at most {self._most} bytes, got more of them"
            )
        return message

    def _refuse(self, status: int, code: str, detail: str) -> RefusedError:
        self._refused = RefusedError(status, code, detail)
        return self._refused

    async def refuse(self, status: int, code: str, detail: str) -> None:
        if not self._begun:
            answer = problem_answer(self._scope, status, code, detail, headers={"connection": "close"})
            await answer(self._scope, self._receive, self._pass)

    async def send(self, message: Message) -> None:
        if self._refused is None:
            await self._pass(message)
        else:
            # whatever the application makes of the broken body, the answer says what was wrong with it
            await self.refuse(*self._refused.fault)

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            self._dress(MutableHeaders(scope=message))
        await self._send(message)

    def _dress(self, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        state = self._scope["state"]
        headers["x-request-id"] = state["request"]
        given = any(each.startswith(f"{COOKIE}=") for each in headers.getlist("set-cookie"))
        if state["fresh"] and not given and _may_begin(self._scope):
            headers.append("set-cookie", session_cookie(state["session"], self._scope["scheme"]))


def owner_of_session(token: str) -> str:
    """The owner's name of a session; the token itself is kept nowhere."""
    return "s-" + hashlib.sha256(token.encode()).hexdigest()[:32]


def _may_begin(scope: Scope) -> bool:
    """Whether the answer may give a session to who has none."""
    return not scope["path"].startswith(COOKIELESS) and not _navigates(Headers(scope=scope))


def _navigates(headers: Headers) -> bool:
    """Whether a browser opens this address in a window.

    A click on another site does not send a strict cookie along: who has a session looks as if they had none,
    and a new one would take the place of theirs. The page's own first call sends it, or begins one. Browsers
    tell the mode on https and on the machine itself; else it shows in what they accept.
    """
    mode = headers.get("sec-fetch-mode")
    return mode == "navigate" if mode else "text/html" in headers.get("accept", "")


def _session(headers: Headers) -> tuple[str, bool]:
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        cookie = SimpleCookie()
    known = cookie[COOKIE].value if COOKIE in cookie else ""
    if 32 <= len(known) <= 64:
        return known, False
    return new_token(), True


def session_cookie(token: str, scheme: str, seconds: int = _YEAR_S) -> str:
    """The header that gives a browser its session."""
    secure = "; Secure" if scheme == "https" else ""
    return f"{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
