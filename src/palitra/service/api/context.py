"""What the routes share: the open database, queue and store, and who is asking."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Annotated

from dbos import DBOSClient
from fastapi import Depends, Request
from sqlalchemy import Engine, select, update

from palitra.errors import AccessError, InputError
from palitra.service.api.guard import owner_of_session
from palitra.service.api.hub import EventHub
from palitra.service.database import migrate, open_database
from palitra.service.files.blobs import BlobStore
from palitra.service.files.intake import Decoder
from palitra.service.jobs.durable import open_client
from palitra.service.jobs.store import JobStore
from palitra.service.keys import hash_key
from palitra.service.settings import Settings
from palitra.service.tables import KEYS

_PERSON = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(eq=False)
class Service:
    """One process's open connections."""

    settings: Settings
    engine: Engine
    client: DBOSClient
    jobs: JobStore
    blobs: BlobStore
    decoder: Decoder
    hub: EventHub

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Open everything; the database is brought up to date."""
        engine = open_database(settings.database_url)
        migrate(engine, settings.database_url)
        client = open_client(settings.database_url)
        jobs = JobStore(engine, client, settings)
        return cls(settings, engine, client, jobs, BlobStore(settings.store_url), Decoder(), EventHub(engine))

    def close(self) -> None:
        """Close everything."""
        self.decoder.close()
        self.client.destroy()
        self.engine.dispose()


@dataclass(frozen=True)
class Caller:
    """Who asks: the owner of what they make, and as what.

    A "user" is one person, an "operator" runs the service, an "agent" asks for many people.
    """

    owner: str
    role: str = "user"


def service_of(request: Request) -> Service:
    """The process's service."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> Caller:
    """By API key, else by session.

    Raises:
        AccessError: a wrong key, none where one is needed, or `Palitra-Owner` of no agent.
        InputError: `Palitra-Owner` of an agent is no name.
    """
    service = service_of(request)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        caller = _by_key(service.engine, key.strip())
        if caller is None:
            raise AccessError("`Authorization` must hold a known API key")
        return _on_behalf(caller, request.headers.get("palitra-owner"))
    if request.headers.get("palitra-owner") is not None:
        raise _no_agent()
    if service.settings.require_key:
        raise AccessError("`Authorization` must hold an API key: Bearer …")
    return Caller(owner_of_session(request.state.session), "operator")


def _on_behalf(caller: Caller, person: str | None) -> Caller:
    """For whom an agent asks: each of its people is an owner of their own."""
    if person is None:
        return caller
    if caller.role != "agent":
        raise _no_agent()
    if not _PERSON.fullmatch(person):
        raise InputError(f"`Palitra-Owner` must be 1 to 64 of a-z, 0-9 and -, got {person[:80]!r}")
    return Caller(f"{caller.owner}/{person}")


def _no_agent() -> AccessError:
    return AccessError("`Palitra-Owner` needs the key of an agent: palitra keys add NAME --agent", status=403)


def _by_key(engine: Engine, key: str) -> Caller | None:
    digest = hash_key(key)
    with engine.connect() as connection:
        row = connection.execute(select(KEYS).where(KEYS.c.hash == digest)).first()
    if row is None:
        return None
    if time.time() - (row.last_used_at or 0) > 60:
        with engine.begin() as connection:
            connection.execute(update(KEYS).where(KEYS.c.id == row.id).values(last_used_at=time.time()))
    return Caller(row.owner, row.role)


ServiceDep = Annotated[Service, Depends(service_of)]
CallerDep = Annotated[Caller, Depends(caller_of)]
