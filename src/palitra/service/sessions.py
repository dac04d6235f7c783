"""Logins: a session that stands for an API key. Only the hash of its token is kept."""

from __future__ import annotations

import secrets
import time

from sqlalchemy import Engine, delete, insert, select

from palitra.service.keys import Key, hash_key
from palitra.service.tables import KEYS, SESSIONS

DAY_S = 86_400


def new_token() -> str:
    """A token of 43 random letters."""
    return secrets.token_urlsafe(32)


def open_session(engine: Engine, key: Key, days: float) -> str:
    """Log in: returns the new session's token. Sessions that are over are swept out on the way."""
    token, now = new_token(), time.time()
    row = {"hash": hash_key(token), "key": key.id, "created_at": now, "expires_at": now + days * DAY_S}
    with engine.begin() as connection:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at < now))
        connection.execute(insert(SESSIONS).values(**row))
    return token


def key_of_session(engine: Engine, token: str) -> Key | None:
    """The key somebody logged in with; none when nobody did, the time is over or the key is deleted."""
    known = (
        select(KEYS)
        .join(SESSIONS, SESSIONS.c.key == KEYS.c.id)
        .where(SESSIONS.c.hash == hash_key(token), SESSIONS.c.expires_at > time.time())
    )
    with engine.connect() as connection:
        row = connection.execute(known).first()
    return None if row is None else Key.of(row)


def close_session(engine: Engine, token: str) -> bool:
    """Log out; False when nobody was logged in."""
    with engine.begin() as connection:
        gone = connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == hash_key(token)))
    return gone.rowcount == 1
