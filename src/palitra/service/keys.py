"""API keys: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import delete, insert, select

from palitra.errors import InputError, NotFoundError
from palitra.service.database import migrate, open_database
from palitra.service.settings import Settings
from palitra.service.tables import KEYS

_AGENT = re.compile(r"[a-z0-9-]{1,15}")
"""An agent's people are owners `agent/person`, of at most 80 letters in all."""


@dataclass(frozen=True)
class Key:
    """What is kept of a key."""

    id: str
    owner: str
    name: str
    role: str


def hash_key(key: str) -> str:
    """Keys are long and random, so one round of SHA-256 keeps them safe at rest."""
    return hashlib.sha256(key.encode()).hexdigest()


def make_key(settings: Settings, owner: str, name: str = "", role: str = "user") -> str:
    """A new key of 43 random letters behind `pal_`; `role` is user, operator or agent.

    Raises:
        InputError: the name of an agent is too long to put people behind it.
    """
    if role == "agent" and not _AGENT.fullmatch(owner):
        raise InputError(f"`owner` of an agent must be 1 to 15 of a-z, 0-9 and -, got {owner[:80]!r}")
    engine = open_database(settings.database_url)
    migrate(engine, settings.database_url)
    key = "pal_" + secrets.token_urlsafe(32)
    values = {"id": str(uuid4()), "owner": owner, "name": name, "role": role, "hash": hash_key(key)}
    with engine.begin() as connection:
        connection.execute(insert(KEYS).values(**values, created_at=time.time()))
    return key


def all_keys(settings: Settings) -> list[Key]:
    """Every key, the oldest first."""
    engine = open_database(settings.database_url)
    migrate(engine, settings.database_url)
    with engine.connect() as connection:
        rows = connection.execute(select(KEYS).order_by(KEYS.c.created_at)).all()
    return [Key(r.id, r.owner, r.name, r.role) for r in rows]


def drop_key(settings: Settings, key: str) -> None:
    """Delete a key by its id.

    Raises:
        NotFoundError: there is none.
    """
    engine = open_database(settings.database_url)
    migrate(engine, settings.database_url)
    with engine.begin() as connection:
        if not connection.execute(delete(KEYS).where(KEYS.c.id == key)).rowcount:
            raise NotFoundError(f"`key` must be the id of a key, got {key[:40]}")
