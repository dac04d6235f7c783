"""What the routes share: the open database, queue and store, and who is asking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Annotated

from dbos import DBOSClient
from fastapi import Depends, Request
from sqlalchemy import Engine

from palitra.errors import AccessError, InputError
from palitra.service.api.guard import owner_of_session
from palitra.service.api.hub import EventHub
from palitra.service.database import migrate, open_database
from palitra.service.files.blobs import BlobStore
from palitra.service.files.intake import Decoder
from palitra.service.files.provenance import Provenance, trusted_anchors
from palitra.service.files.room import Room
from palitra.service.filters.filter import Filters
from palitra.service.jobs.durable import open_client
from palitra.service.jobs.store import JobStore
from palitra.service.keys import find_key
from palitra.service.live.lane import Lane
from palitra.service.sessions import key_of_session
from palitra.service.settings import Settings
from palitra.zoo.embedded import ClassModel, class_models

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
    filters: Filters
    classes: Mapping[str, ClassModel]
    provenance: Provenance | None = None
    anchors: str | None = None
    live: Lane | None = None

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Open everything; the database is brought up to date."""
        filters = Filters.open(settings)
        classes = class_models(settings.class_models)
        engine = open_database(settings.database_url)
        migrate(engine, settings.database_url)
        client = open_client(settings.database_url)
        jobs = JobStore(engine, client, settings)
        blobs = BlobStore(settings.store_url)
        provenance, anchors = Provenance.of(settings), trusted_anchors(settings)
        hub = EventHub(engine)
        return cls(
            settings, engine, client, jobs, blobs, Decoder(), hub, filters, classes, provenance, anchors
        )

    @cached_property
    def room(self) -> Room:
        """How much may be kept."""
        return Room(self.engine, self.blobs, self.settings)

    def close(self) -> None:
        """Close everything."""
        self.decoder.close()
        self.client.destroy()
        self.engine.dispose()


@dataclass(frozen=True)
class Caller:
    """Who asks: the owner of what they make, and as what.

    A "user" is one person, an "operator" runs the service, an "agent" asks for many people. `login` is "done"
    for a key or a session opened with one, "none" where no login is asked for.
    """

    owner: str
    role: str = "user"
    login: str = "done"


def service_of(request: Request) -> Service:
    """The process's service."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> Caller:
    """By API key, else by a session that logged in, else by an anonymous session where those may be.

    Raises:
        AccessError: a wrong key, no login where one is needed, or `Palitra-Owner` of no agent.
        InputError: `Palitra-Owner` of an agent is no name.
    """
    service = service_of(request)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        key = find_key(service.engine, secret.strip())
        if key is None:
            raise AccessError("`Authorization` must hold a known API key")
        return _on_behalf(Caller(key.owner, key.role), request.headers.get("palitra-owner"))
    if request.headers.get("palitra-owner") is not None:
        raise _no_agent()
    key = key_of_session(service.engine, request.state.session)
    if key is not None:
        return Caller(key.owner, key.role)
    if service.settings.require_key:
        raise AccessError("`Authorization` must hold an API key, or somebody must be logged in")
    # nobody logs in here, so the service listens on this machine only, and who sits at it runs it
    role = "operator" if _is_here(request) else "user"
    return Caller(owner_of_session(request.state.session), role, "none")


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


def operator_of(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """The caller, who runs the service.

    Raises:
        AccessError: they do not.
    """
    if caller.role != "operator":
        raise AccessError("`Authorization` must hold an operator's key", 403)
    return caller


def _is_here(request: Request) -> bool:
    """Whether the request comes from this machine; proxies on it tell the real address."""
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


ServiceDep = Annotated[Service, Depends(service_of)]
CallerDep = Annotated[Caller, Depends(caller_of)]
OperatorDep = Annotated[Caller, Depends(operator_of)]
