"""`/v1/session`: log in with an API key in a browser, log out, and who one is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, Field

from palitra.errors import AccessError
from palitra.service.api.context import ServiceDep, caller_of
from palitra.service.api.guard import session_cookie
from palitra.service.audit import record
from palitra.service.keys import find_key
from palitra.service.sessions import DAY_S, close_session, new_token, open_session

router = APIRouter(prefix="/v1/session", tags=["session"])


class SessionView(BaseModel):
    """Who asks. `login` is "none" where nobody needs one, "required" before it, "done" after it."""

    owner: str | None
    role: str | None
    login: Literal["none", "required", "done"]


class Login(BaseModel):
    """An API key."""

    key: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("")
def look(request: Request) -> SessionView:
    """Who is asking; the one route that answers without a login."""
    try:
        caller = caller_of(request)
    except AccessError:
        return SessionView(owner=None, role=None, login="required")
    return SessionView(
        owner=caller.owner, role=caller.role, login="none" if caller.login == "none" else "done"
    )


@router.post("")
def log_in(
    given: Annotated[Login, Body()], request: Request, response: Response, service: ServiceDep
) -> SessionView:
    """Bind a new session to a key's owner and role; the session before it ends."""
    key = find_key(service.engine, given.key.strip())
    if key is None:
        record("login.failed", "", address=request.client.host if request.client else None)
        raise AccessError("`key` must be a known API key")
    close_session(service.engine, request.state.session)
    days = service.settings.session_days
    token = open_session(service.engine, key, days)
    response.headers.append("set-cookie", session_cookie(token, request.url.scheme, int(days * DAY_S)))
    record("login.done", key.owner, key=key.id)
    return SessionView(owner=key.owner, role=key.role, login="done")


@router.delete("", status_code=204)
def log_out(request: Request, response: Response, service: ServiceDep) -> None:
    """End the session; who was not logged in is not either afterwards."""
    try:
        owner = caller_of(request).owner
    except AccessError:
        owner = ""
    if close_session(service.engine, request.state.session):
        record("login.ended", owner)
        response.headers.append("set-cookie", session_cookie(new_token(), request.url.scheme))
