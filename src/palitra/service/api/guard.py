"""What every request passes first: known host, no foreign origin, bounded body, a session, safe headers."""

from __future__ import annotations

import hashlib
import json
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from palitra.service.settings import Settings

COOKIE: Final = "palitra_session"
SAFE: Final = ("GET", "HEAD", "OPTIONS")
HEADERS: Final = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; "
    "script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_YEAR_S: Final = 365 * 24 * 3600


class TooLargeError(Exception):
    """A body went over the bound while it was read."""


class Guard:
    """Pure ASGI middleware. A foreign Host (DNS rebinding) or Origin (CSRF) is refused with 403."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.most_bytes = settings.most_upload_bytes + 64 * 1024
        self.hosts = {host.lower() for host in (*settings.trusted_hosts, settings.host)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then hand on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        fault = self._fault(scope["method"], headers)
        if fault:
            await _refuse(send, *fault)
            return
        token, fresh = _session(headers)
        scope.setdefault("state", {})["session"] = token
        passing = _Passing(receive, send, self.most_bytes, _cookie(token, scope["scheme"]) if fresh else None)
        try:
            await self.app(scope, passing.receive, passing.send)
        except TooLargeError:
            await passing.refuse()

    def _fault(self, method: str, headers: Headers) -> tuple[int, str, str] | None:
        host = headers.get("host", "").lower()
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if name not in self.hosts:
            return 403, "bad_host", f"`Host` must be one of {', '.join(sorted(self.hosts))}, got {name[:80]}"
        origin = headers.get("origin")
        if method not in SAFE and origin and urlsplit(origin).netloc.lower() != host:
            return 403, "bad_origin", f"`Origin` must be {host}, got {origin[:80]}"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.most_bytes:
            return 413, "too_large", f"the body must have at most {self.most_bytes} bytes, got {length[:20]}"
        return None


class _Passing:
    """One request on its way through: counts its body, dresses its answer."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int, cookie: str | None) -> None:
        self._receive, self._send, self._most, self._cookie = receive, send, most_bytes, cookie
        self._read = 0
        self._begun = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._most:
            raise TooLargeError
        return message

    async def refuse(self) -> None:
        if not self._begun:
            self._begun = True
            await _refuse(self._send, 413, "too_large", f"the body must have at most {self._most} bytes")

    async def send(self, message: Message) -> None:
        if self._read > self._most:
            # whatever the application makes of the broken body, the answer is that it was too large
            await self.refuse()
            return
        if message["type"] == "http.response.start":
            self._begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self._cookie:
                headers.append("set-cookie", self._cookie)
        await self._send(message)


def owner_of_session(token: str) -> str:
    """The owner's name of a session; the token itself is kept nowhere."""
    return "s-" + hashlib.sha256(token.encode()).hexdigest()[:32]


def _session(headers: Headers) -> tuple[str, bool]:
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        cookie = SimpleCookie()
    known = cookie[COOKIE].value if COOKIE in cookie else ""
    if 32 <= len(known) <= 64:
        return known, False
    return secrets.token_urlsafe(32), True


def _cookie(token: str, scheme: str) -> str:
    secure = "; Secure" if scheme == "https" else ""
    return f"{COOKIE}={token}; Path=/; Max-Age={_YEAR_S}; HttpOnly; SameSite=Strict{secure}"


async def _refuse(send: Send, status: int, code: str, detail: str) -> None:
    body: dict[str, Any] = {"type": f"urn:palitra:{code}", "status": status, "code": code, "detail": detail}
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
