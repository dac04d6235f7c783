"""Where a job stands in the queue, and when it will be done, from measured times."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from palitra.service.jobs.job import Job
from palitra.service.tables import JOBS, TIMINGS
from palitra.service.workers.heartbeat import living_workers
from palitra.spec.recipes import BEGUN_FOR_BEST

FRESH_S = 30.0
UNKNOWN_S = 10.0
WEIGHT = 0.2


@dataclass(frozen=True)
class Place:
    """`ahead` jobs come first; `eta_s` is when this one will be done, None when nobody works."""

    ahead: int
    eta_s: float | None


def place_of(engine: Engine, job: Job) -> Place:
    """Turns go round the owners: before an owner's k-th job come at most k of every other owner's.

    Cost: three queries over the waiting jobs, which are bounded.
    """
    with engine.connect() as connection:
        workers = living_workers(connection, FRESH_S)
        if job.state == "running":
            left = 1 - job.done / max(1, job.total)
            seconds = left * _seconds(connection, job.cost_key) * _pictures(job)
            return Place(0, seconds if workers else None)
        waiting = select(JOBS.c.owner, JOBS.c.cost_key, JOBS.c.total).where(JOBS.c.state == "queued")
        mine = waiting.where(
            JOBS.c.owner == job.owner,
            (JOBS.c.priority < job.priority)
            | ((JOBS.c.priority == job.priority) & (JOBS.c.created_at < job.created_at)),
        )
        before = connection.execute(mine).all()
        turn = len(before) + 1
        counts = connection.execute(
            select(JOBS.c.owner, func.count())
            .where(JOBS.c.state == "queued", JOBS.c.owner != job.owner)
            .group_by(JOBS.c.owner)
        ).all()
        others = sum(min(count, turn) for _, count in counts)
        running = connection.scalar(select(func.count()).where(JOBS.c.state == "running")) or 0
        each = _seconds(connection, job.cost_key) * _pictures(job)
    ahead = len(before) + others
    return Place(ahead, (ahead + running / 2 + 1) * each / workers if workers else None)


def learn_time(engine: Engine, cost_key: str, seconds: float) -> None:
    """Move the running mean of a picture's seconds towards a new measurement."""
    dialect = sqlite if engine.dialect.name == "sqlite" else postgresql
    fresh = dialect.insert(TIMINGS).values(cost_key=cost_key, seconds=seconds, count=1)
    known = fresh.on_conflict_do_nothing(index_elements=["cost_key"])
    with engine.begin() as connection:
        if connection.execute(known).rowcount:
            return
        moved = TIMINGS.c.seconds + WEIGHT * (seconds - TIMINGS.c.seconds)
        connection.execute(
            update(TIMINGS)
            .where(TIMINGS.c.cost_key == cost_key)
            .values(seconds=moved, count=TIMINGS.c.count + 1)
        )


def _seconds(connection: Connection, cost_key: str) -> float:
    known = connection.scalar(select(TIMINGS.c.seconds).where(TIMINGS.c.cost_key == cost_key))
    return known or connection.scalar(select(func.avg(TIMINGS.c.seconds))) or UNKNOWN_S


def _pictures(job: Job) -> int:
    n = int(job.params.get("n") or 1)
    begun = BEGUN_FOR_BEST * n if job.params.get("quality") == "best" else n
    each = max(1, int(job.params.get("best_of") or begun))
    return each * max(1, len(str(job.params.get("target", "")).splitlines()))
