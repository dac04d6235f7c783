"""Which workers live: each renews its heartbeat, and the living take over the jobs of the silent."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from palitra.service.database import database_time
from palitra.service.jobs.events import append_event
from palitra.service.tables import JOBS, WORKERS


def beat(engine: Engine, worker: str, device: str, models: list[str]) -> None:
    """Say that a worker lives."""
    dialect = sqlite if engine.dialect.name == "sqlite" else postgresql
    with engine.begin() as connection:
        now = database_time(connection)
        new = dialect.insert(WORKERS).values(
            id=worker, device=device, models=models, started_at=now, beat_at=now
        )
        connection.execute(
            new.on_conflict_do_update(index_elements=["id"], set_={"beat_at": now, "models": models})
        )


def is_alive(engine: Engine, worker: str, after_s: float) -> bool:
    """Whether a worker's heartbeat is younger than `after_s`."""
    with engine.connect() as connection:
        at = connection.scalar(select(WORKERS.c.beat_at).where(WORKERS.c.id == worker))
        return at is not None and at >= database_time(connection) - after_s


def living_workers(connection: Connection, after_s: float) -> int:
    """How many workers have a heartbeat younger than `after_s`."""
    since = database_time(connection) - after_s
    return connection.scalar(select(func.count()).where(WORKERS.c.beat_at >= since)) or 0


def retire(engine: Engine, worker: str) -> None:
    """Say that a worker ends of its own will: what it leaves may be taken at once."""
    with engine.begin() as connection:
        connection.execute(update(WORKERS).where(WORKERS.c.id == worker).values(beat_at=0.0))


def silent_workers(engine: Engine, after_s: float, holders: Collection[str] = ()) -> list[str]:
    """Workers whose heartbeat is older than `after_s`, and `holders` of jobs that have none at all."""
    with engine.connect() as connection:
        since = database_time(connection) - after_s
        beats = {row.id: row.beat_at for row in connection.execute(select(WORKERS.c.id, WORKERS.c.beat_at))}
    silent = {worker for worker, at in beats.items() if at < since}
    return sorted(silent | (set(holders) - set(beats)))


def release(engine: Engine, dead: str) -> int:
    """The jobs that a worker ran and does not run any more wait again; how many that were.

    Their fences go too, so that a worker that was only stopped writes nothing when it goes on.
    """
    with engine.begin() as connection:
        held = select(JOBS.c.id).where(JOBS.c.worker == dead, JOBS.c.state == "running")
        freed = 0
        for job in connection.scalars(held).all():
            changed = connection.execute(
                update(JOBS)
                .where(JOBS.c.id == job, JOBS.c.worker == dead, JOBS.c.state == "running")
                .values(state="queued", worker=None, fence=None, started_at=None, done=0)
            ).rowcount
            if changed:
                append_event(connection, job, "state", {"state": "queued"})
                freed += 1
    return freed


def bury(engine: Engine, dead: str, after_s: float) -> None:
    """Forget a worker that is still silent."""
    with engine.begin() as connection:
        since = database_time(connection) - after_s
        connection.execute(delete(WORKERS).where(WORKERS.c.id == dead, WORKERS.c.beat_at < since))
