"""API keys: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import uuid4

from sqlalchemy import Engine, Row, delete, insert, select, update

from palitra.errors import InputError, NotFoundError
from palitra.service.database import migrate, open_database
from palitra.service.settings import Settings
from palitra.service.tables import KEYS

Role = Literal["user", "operator", "agent"]
USED_EVERY_S: Final = 60
"""How exact `last_used_at` is: not every request writes."""
_AGENT = re.compile(r"[a-z0-9-]{1,15}")
"""An agent's people are owners `agent/person`, of at most 80 letters in all."""


@dataclass(frozen=True)
class Key:
    """What is kept of a key; times are UTC seconds."""

    id: str
    owner: str
    name: str
    role: str
    created_at: float
    last_used_at: float | None

    @classmethod
    def of(cls, row: Row[Any]) -> Key:
        """From a row of `palitra_keys`."""
        values = row._mapping
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})


def hash_key(key: str) -> str:
    """Keys are long and random, so one round of SHA-256 keeps them safe at rest."""
    return hashlib.sha256(key.encode()).hexdigest()


def add_key(engine: Engine, owner: str, name: str = "", role: str = "user") -> tuple[Key, str]:
    """A new key of 43 random letters behind `pal_`: what is kept of it, and the key itself.

    Raises:
        InputError: the name of an agent is too long to put people behind it.
    """
    if role == "agent" and not _AGENT.fullmatch(owner):
        raise InputError(f"`owner` of an agent must be 1 to 15 of a-z, 0-9 and -, got {owner[:80]!r}")
    secret = "pal_" + secrets.token_urlsafe(32)
    kept = Key(str(uuid4()), owner, name, role, time.time(), None)
    with engine.begin() as connection:
        connection.execute(insert(KEYS).values(**vars(kept), hash=hash_key(secret)))
    return kept, secret


def find_key(engine: Engine, secret: str) -> Key | None:
    """The key with that secret, if there is one; notes that it was used."""
    with engine.connect() as connection:
        row = connection.execute(select(KEYS).where(KEYS.c.hash == hash_key(secret))).first()
    if row is None:
        return None
    now = time.time()
    if now - (row.last_used_at or 0) > USED_EVERY_S:
        with engine.begin() as connection:
            connection.execute(update(KEYS).where(KEYS.c.id == row.id).values(last_used_at=now))
    return Key.of(row)


def list_keys(engine: Engine) -> list[Key]:
    """Every key, the oldest first."""
    with engine.connect() as connection:
        return [Key.of(row) for row in connection.execute(select(KEYS).order_by(KEYS.c.created_at))]


def remove_key(engine: Engine, key: str) -> Key:
    """Delete a key by its id, and with it the sessions that were opened with it; returns what it was.

    Raises:
        NotFoundError: there is none.
    """
    with engine.begin() as connection:
        row = connection.execute(delete(KEYS).where(KEYS.c.id == key).returning(*KEYS.c)).first()
    if row is None:
        raise NotFoundError(f"`key` must be the id of a key, got {key[:40]}")
    return Key.of(row)


def make_key(settings: Settings, owner: str, name: str = "", role: str = "user") -> str:
    """A new key in the settings' database; `role` is user, operator or agent.

    Raises:
        InputError: the name of an agent is too long to put people behind it.
    """
    return add_key(_open(settings), owner, name, role)[1]


def all_keys(settings: Settings) -> list[Key]:
    """Every key of the settings' database, the oldest first."""
    return list_keys(_open(settings))


def drop_key(settings: Settings, key: str) -> None:
    """Delete a key of the settings' database by its id.

    Raises:
        NotFoundError: there is none.
    """
    remove_key(_open(settings), key)


def _open(settings: Settings) -> Engine:
    engine = open_database(settings.database_url)
    migrate(engine, settings.database_url)
    return engine
