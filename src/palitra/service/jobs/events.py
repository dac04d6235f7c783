"""What happened to a job, in order: kept, so that a page that comes back goes on without gap or repeat."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, insert, select

from palitra.service.tables import EVENTS

Kind = Literal["state", "progress", "preview", "image", "end"]


@dataclass(frozen=True)
class Event:
    """`seq` counts from 1 within a job; `id` grows with time over all jobs."""

    id: int
    job: str
    seq: int
    kind: Kind
    data: dict[str, Any]


def append_event(connection: Connection, job: str, kind: Kind, data: Mapping[str, Any]) -> int:
    """Write the next event of a job within the caller's transaction; returns its number.

    Callers change the job's row first, which makes writers of one job wait for each other.
    """
    following = select(func.coalesce(func.max(EVENTS.c.seq), 0) + 1).where(EVENTS.c.job == job)
    written = connection.execute(
        insert(EVENTS)
        .values(job=job, seq=following.scalar_subquery(), kind=kind, data=dict(data), at=time.time())
        .returning(EVENTS.c.seq)
    )
    return int(written.scalar_one())


def events_after(engine: Engine, job: str, seq: int, limit: int = 1000) -> list[Event]:
    """A job's events with a number above `seq`, in order."""
    wanted = select(EVENTS).where(EVENTS.c.job == job, EVENTS.c.seq > seq).order_by(EVENTS.c.seq).limit(limit)
    with engine.connect() as connection:
        return [_event(row) for row in connection.execute(wanted)]


def newest_events(engine: Engine, after_id: int, limit: int = 5000) -> list[Event]:
    """Events of all jobs with an id above `after_id`, in order: one query for all open pages."""
    wanted = select(EVENTS).where(EVENTS.c.id > after_id).order_by(EVENTS.c.id).limit(limit)
    with engine.connect() as connection:
        return [_event(row) for row in connection.execute(wanted)]


def last_event_id(engine: Engine) -> int:
    """The newest event's id, 0 when there is none."""
    with engine.connect() as connection:
        return connection.scalar(select(func.max(EVENTS.c.id))) or 0


def _event(row: Any) -> Event:
    return Event(row.id, row.job, row.seq, row.kind, row.data)
