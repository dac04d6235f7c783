"""Deletion that really deletes: what is older than its time goes, from the database and from the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, exists, select

from palitra.service.files.blobs import BlobStore
from palitra.service.files.naming import drop_unnamed, lock_names
from palitra.service.jobs.consent import photos_of_people
from palitra.service.jobs.job import ENDED
from palitra.service.tables import FILES, JOBS, PICTURES

CHUNK = 200
DAY_S = 86_400


@dataclass(frozen=True)
class Swept:
    """How much went."""

    jobs: int
    files: int
    blobs: int


def sweep(
    engine: Engine,
    blobs: BlobStore,
    keep_days: float,
    now: float | None = None,
    forget: Callable[[list[str]], None] = lambda jobs: None,
    keep_people_days: float | None = None,
) -> Swept:
    """Delete ended jobs and uploads older than `keep_days`; jobs with a favourite picture stay.

    Photos of people go `keep_people_days` after the last job that drew from them, which itself stays.
    `forget` is told the jobs whose rows are gone, so that their workflows go too.
    Blobs go after their rows: a stop in between leaves bytes without a name, never a name without bytes.
    """
    now = time.time() if now is None else now
    before = now - keep_days * DAY_S
    jobs, files, gone = 0, *_sweep_people(engine, blobs, now - (keep_people_days or keep_days) * DAY_S)
    while True:
        with engine.begin() as connection:
            old = _old_jobs(connection, before)
            named = set(connection.scalars(select(PICTURES.c.blob).where(PICTURES.c.job.in_(old))))
            connection.execute(delete(JOBS).where(JOBS.c.id.in_(old)))
        with engine.begin() as connection:
            lock_names(connection, {file for file, _ in _old_files(connection, before)})
            uploads = _old_files(connection, before)  # again: a job may have taken one meanwhile
            for file, owner in uploads:
                connection.execute(delete(FILES).where(FILES.c.id == file, FILES.c.owner == owner))
        gone += drop_unnamed(engine, blobs, named | {file for file, _ in uploads})
        if old:
            forget(old)
        jobs, files = jobs + len(old), files + len(uploads)
        if len(old) < CHUNK and len(uploads) < CHUNK:
            return Swept(jobs, files, gone)


def _sweep_people(engine: Engine, blobs: BlobStore, before: float) -> tuple[int, int]:
    """Delete photos of people that no job has needed since; how many rows and blobs went."""
    with engine.begin() as connection:
        lock_names(connection, {file for file, _ in _old_people(connection, before)})
        photos = _old_people(connection, before)
        for file, owner in photos:
            connection.execute(delete(FILES).where(FILES.c.id == file, FILES.c.owner == owner))
    return len(photos), drop_unnamed(engine, blobs, {file for file, _ in photos})


def sweep_orphans(engine: Engine, blobs: BlobStore, now: float | None = None) -> int:
    """Delete blobs that nothing names: left by a stop between a blob and its row, or a row and its blob.

    Young ones stay: their row may still be about to be written. Returns how many went.
    """
    before = (time.time() if now is None else now) - DAY_S
    gone = 0
    for names in blobs.unchanged_since(before):
        gone += drop_unnamed(engine, blobs, names)
    return gone


def _old_jobs(connection: Connection, before: float) -> list[str]:
    loved = exists().where(PICTURES.c.job == JOBS.c.id, PICTURES.c.favourite)
    wanted = select(JOBS.c.id).where(JOBS.c.state.in_(ENDED), JOBS.c.finished_at < before, ~loved)
    return list(connection.scalars(wanted.limit(CHUNK)))


def _old_people(connection: Connection, before: float) -> set[tuple[str, str]]:
    """Photos of people, with their owners, whose jobs have all ended by then."""
    columns = (JOBS.c.owner, JOBS.c.recipe, JOBS.c.inputs, JOBS.c.state, JOBS.c.finished_at)
    shown, needed = set(), set()
    for row in connection.execute(select(*columns).where(JOBS.c.consent)).all():
        photos = {(file, row.owner) for file in photos_of_people(row.recipe, row.inputs).values()}
        shown |= photos
        if row.state not in ENDED or row.finished_at >= before:
            needed |= photos
    there = select(FILES.c.id, FILES.c.owner).where(
        FILES.c.id.in_({file for file, _ in shown - needed}), FILES.c.created_at < before
    )
    return (shown - needed) & {(row.id, row.owner) for row in connection.execute(there)}


def _old_files(connection: Connection, before: float) -> list[tuple[str, str]]:
    """Uploads past their time that no kept job still draws from."""
    rows = connection.execute(select(FILES.c.id, FILES.c.owner).where(FILES.c.created_at < before)).all()
    used = {file for inputs in connection.scalars(select(JOBS.c.inputs)) for file in inputs.values()}
    return [(row.id, row.owner) for row in rows if row.id not in used][:CHUNK]
