"""What a worker writes about its jobs: begun, how far, pictures, the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects import postgresql, sqlite

from palitra.data.picture_files import encode_picture
from palitra.recipes.picture import Picture
from palitra.service.files.blobs import BlobStore
from palitra.service.jobs.events import append_event
from palitra.service.jobs.job import OPEN, Job, State
from palitra.service.jobs.pause import is_paused
from palitra.service.jobs.store import end_job
from palitra.service.tables import JOBS, PICTURES, PREVIEWS


class Ledger:
    """One worker's pen. A job that was cancelled meanwhile takes no more entries."""

    def __init__(self, engine: Engine, blobs: BlobStore, worker: str) -> None:
        self.engine, self.blobs, self.worker = engine, blobs, worker

    def job(self, job: str) -> Job | None:
        """The job, if it is still open."""
        wanted = select(JOBS).where(JOBS.c.id == job, JOBS.c.state.in_(OPEN))
        with self.engine.connect() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else Job.of(row)

    def begin(self, jobs: Sequence[str]) -> None:
        """Mark jobs as running here; until `settle`, a crash counts against them."""
        now = time.time()
        with self.engine.begin() as connection:
            for job in jobs:
                changed = connection.execute(
                    update(JOBS)
                    .where(JOBS.c.id == job, JOBS.c.state.in_(OPEN))
                    .values(
                        state="running",
                        worker=self.worker,
                        started_at=now,
                        done=0,
                        crashes=JOBS.c.crashes + 1,
                    )
                ).rowcount
                if changed:
                    append_event(connection, job, "state", {"state": "running"})

    def settle(self, jobs: Sequence[str]) -> None:
        """The worker survived these jobs: forget the crashes counted by `begin`."""
        with self.engine.begin() as connection:
            connection.execute(
                update(JOBS).where(JOBS.c.id.in_(jobs), JOBS.c.worker == self.worker).values(crashes=0)
            )

    def hand_back(self, jobs: Sequence[str]) -> None:
        """Running jobs wait again, as if they had never begun."""
        with self.engine.begin() as connection:
            for job in jobs:
                changed = connection.execute(
                    update(JOBS)
                    .where(JOBS.c.id == job, JOBS.c.state == "running", JOBS.c.worker == self.worker)
                    .values(state="queued", worker=None, started_at=None, done=0, crashes=JOBS.c.crashes - 1)
                ).rowcount
                if changed:
                    append_event(connection, job, "state", {"state": "queued"})

    def progress(self, job: str, done: int, total: int) -> None:
        """How far a job is."""
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(JOBS).where(JOBS.c.id == job, JOBS.c.state == "running").values(done=done)
            ).rowcount
            if changed:
                append_event(connection, job, "progress", {"done": done, "total": total})

    def preview(self, job: str, jpeg: bytes) -> None:
        """Keep the newest preview; the event only says that there is one."""
        dialect = sqlite if self.engine.dialect.name == "sqlite" else postgresql
        with self.engine.begin() as connection:
            if not _hold(connection, job):
                return
            seq = append_event(connection, job, "preview", {})
            new = dialect.insert(PREVIEWS).values(job=job, seq=seq, jpeg=jpeg)
            connection.execute(
                new.on_conflict_do_update(index_elements=["job"], set_={"seq": seq, "jpeg": jpeg})
            )

    def notes(self, job: str, notes: Sequence[dict[str, Any]]) -> None:
        """What was done to the input."""
        with self.engine.begin() as connection:
            connection.execute(update(JOBS).where(JOBS.c.id == job).values(notes=list(notes)))

    def picture(self, job: Job, picture: Picture) -> None:
        """Keep a finished picture once, however often its job is run: (job, seed) is unique."""
        blob = self.blobs.put(encode_picture(picture.image, picture.recipe))
        dialect = sqlite if self.engine.dialect.name == "sqlite" else postgresql
        values = {
            "id": str(uuid4()),
            "job": job.id,
            "owner": job.owner,
            "seed": str(picture.seed),
            "rank": picture.seed - int(job.params["seed"]),
            "blob": blob,
            "width": picture.image.width,
            "height": picture.image.height,
            "favourite": False,
            "created_at": time.time(),
        }
        once = dialect.insert(PICTURES).values(**values).on_conflict_do_nothing()
        with self.engine.begin() as connection:
            if _hold(connection, job.id) and connection.execute(once).rowcount:
                shown = {k: values[k] for k in ("id", "seed", "width", "height")}
                append_event(connection, job.id, "image", shown)

    def end(self, job: str, state: State, code: str | None = None, error: str | None = None) -> None:
        """Close a job."""
        end_job(self.engine, job, state, code, error)

    def paused(self) -> bool:
        """Whether an operator paused the queue."""
        return is_paused(self.engine)

    def unwanted(self, jobs: Sequence[str]) -> set[str]:
        """Which of these are to stop: cancelled, deleted, or past their deadline (which fails them)."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(JOBS.c.id, JOBS.c.deadline_at).where(JOBS.c.id.in_(jobs), JOBS.c.state.in_(OPEN))
            ).all()
        now = time.time()
        late = {row.id for row in rows if row.deadline_at < now}
        for job in late:
            self.end(job, "failed", "deadline", "the job was not done by its deadline")
        return set(jobs) - ({row.id for row in rows} - late)


def _hold(connection: Connection, job: str) -> bool:
    """Lock a running job's row for this transaction; False when it does not run any more."""
    touched = update(JOBS).where(JOBS.c.id == job, JOBS.c.state == "running").values(done=JOBS.c.done)
    return bool(connection.execute(touched).rowcount)
