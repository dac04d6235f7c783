"""What a worker writes about its jobs: begun, how far, pictures, the end.

A job that begins gets a fence, a word only this run knows, and every later entry asks for it. A worker that
was silent so long that another took its job finds another fence (or none) and writes nothing more.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from palitra.data.picture_files import encode_picture
from palitra.recipes.picture import Picture
from palitra.service.database import database_time
from palitra.service.files.blobs import BlobStore
from palitra.service.files.marks import Marks
from palitra.service.files.naming import name_bytes
from palitra.service.jobs.events import append_event
from palitra.service.jobs.job import OPEN, Job, State
from palitra.service.jobs.pause import is_paused
from palitra.service.jobs.store import end_job
from palitra.service.tables import JOBS, PICTURES, PREVIEWS

SHEET: Final = "s"
WISHES: Final = ("", *"bcdefghijklmnop")


class Ledger:
    """One worker's pen. A job that was cancelled or taken over meanwhile takes no more entries."""

    def __init__(self, engine: Engine, blobs: BlobStore, worker: str, marks: Marks | None = None) -> None:
        self.engine, self.blobs, self.worker = engine, blobs, worker
        self.marks = marks or Marks()
        self._fences: dict[str, str] = {}

    def job(self, job: str) -> Job | None:
        """The job, if it is still open."""
        wanted = select(JOBS).where(JOBS.c.id == job, JOBS.c.state.in_(OPEN))
        with self.engine.connect() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else Job.of(row)

    def begin(self, jobs: Sequence[str]) -> set[str]:
        """Mark jobs as running here; until `settle`, a crash counts against them.

        Returns those that began; not among them: ended ones, and ones that another worker runs.
        """
        begun = {}
        with self.engine.begin() as connection:
            now = database_time(connection)
            for job in jobs:
                fence = secrets.token_hex(8)
                changed = connection.execute(
                    update(JOBS)
                    .where(JOBS.c.id == job, self._free)
                    .values(
                        state="running",
                        worker=self.worker,
                        fence=fence,
                        started_at=now,
                        done=0,
                        crashes=JOBS.c.crashes + 1,
                    )
                ).rowcount
                if changed:
                    begun[job] = fence
                    append_event(connection, job, "state", {"state": "running"})
        self._fences |= begun
        return set(begun)

    def settle(self, jobs: Sequence[str]) -> None:
        """The worker survived these jobs: forget the crashes counted by `begin`."""
        with self.engine.begin() as connection:
            for job in jobs:
                connection.execute(update(JOBS).where(*self._held(job)).values(crashes=0))

    def hand_back(self, jobs: Sequence[str]) -> None:
        """Running jobs wait again, as if they had never begun."""
        with self.engine.begin() as connection:
            for job in jobs:
                before = case((JOBS.c.crashes > 0, JOBS.c.crashes - 1), else_=0)
                changed = connection.execute(
                    update(JOBS)
                    .where(*self._held(job))
                    .values(state="queued", worker=None, fence=None, started_at=None, done=0, crashes=before)
                ).rowcount
                if changed:
                    append_event(connection, job, "state", {"state": "queued"})

    def progress(self, job: str, done: int, total: int) -> None:
        """How far a job is."""
        with self.engine.begin() as connection:
            held = update(JOBS).where(*self._held(job))
            if connection.execute(held.values(done=done, total=total)).rowcount:
                append_event(connection, job, "progress", {"done": done, "total": total})

    def preview(self, job: str, jpeg: bytes) -> None:
        """Keep the newest preview; the event only says that there is one."""
        dialect = sqlite if self.engine.dialect.name == "sqlite" else postgresql
        with self.engine.begin() as connection:
            if not self._hold(connection, job):
                return
            seq = append_event(connection, job, "preview", {})
            new = dialect.insert(PREVIEWS).values(job=job, seq=seq, jpeg=jpeg)
            connection.execute(
                new.on_conflict_do_update(index_elements=["job"], set_={"seq": seq, "jpeg": jpeg})
            )

    def notes(self, job: str, notes: Sequence[dict[str, Any]]) -> None:
        """What was done to the input."""
        with self.engine.begin() as connection:
            connection.execute(update(JOBS).where(*self._held(job)).values(notes=list(notes)))

    def picture(self, job: Job, picture: Picture) -> None:
        """Keep a finished picture once, however often its job is run: (job, seed) is unique.

        Of several wishes with the same seeds, all but the first begin with a letter.
        Nobody is told of a sheet's parts one by one: there may be a thousand.
        """
        sheet, offset = picture.kind == "sheet", picture.seed - int(job.params["seed"])
        data = encode_picture(self.marks.stamp(picture.image), picture.recipe)
        blob = self.blobs.put(data)
        dialect = sqlite if self.engine.dialect.name == "sqlite" else postgresql
        values = {
            "id": str(uuid4()),
            "job": job.id,
            "owner": job.owner,
            "seed": f"{SHEET if sheet else WISHES[picture.turn]}{picture.seed}",
            "rank": -1 if sheet else picture.turn * int(job.params["n"]) + offset,
            "kind": picture.kind,
            "name": picture.name[:200] or None,
            "blob": blob,
            "bytes": len(data),
            "width": picture.image.width,
            "height": picture.image.height,
            "favourite": False,
            "created_at": time.time(),
        }
        once = dialect.insert(PICTURES).values(**values).on_conflict_do_nothing()
        with self.engine.begin() as connection:
            if not self._hold(connection, job.id):
                return
            name_bytes(connection, self.blobs, blob, data)
            if connection.execute(once).rowcount and picture.kind != "part":
                shown = {k: values[k] for k in ("id", "width", "height")} | {"seed": str(picture.seed)}
                append_event(connection, job.id, "image", shown)

    def end(self, job: str, state: State, code: str | None = None, error: str | None = None) -> bool:
        """Close a job that runs here, or that nobody runs; False when it is neither."""
        mine = and_(*self._held(job)) if job in self._fences else self._free
        return end_job(self.engine, job, state, code, error, mine)

    def forget(self, jobs: Sequence[str]) -> None:
        """Nothing more will be written about these."""
        for job in jobs:
            self._fences.pop(job, None)

    def paused(self) -> bool:
        """Whether an operator paused the queue."""
        return is_paused(self.engine)

    def unwanted(self, jobs: Sequence[str]) -> set[str]:
        """Which are to stop: cancelled, deleted, taken over, or past their deadline (which fails them)."""
        wanted = select(JOBS.c.id, JOBS.c.deadline_at, JOBS.c.fence).where(
            JOBS.c.id.in_(jobs), JOBS.c.state.in_(OPEN)
        )
        fences = dict(self._fences)  # before we look: a job that begins meanwhile is not taken for lost
        with self.engine.connect() as connection:
            rows = connection.execute(wanted).all()
            now = database_time(connection)
        late = {row.id for row in rows if row.deadline_at < now}
        for job in late:
            self.end(job, "failed", "deadline", "the job was not done by its deadline")
        ours = {row.id for row in rows if fences.get(row.id, row.fence) == row.fence}
        return set(jobs) - (ours - late)

    @property
    def _free(self) -> ColumnElement[bool]:
        """Jobs that may begin here: waiting ones, and running ones that no other worker has."""
        left = and_(JOBS.c.state == "running", or_(JOBS.c.worker == self.worker, JOBS.c.worker.is_(None)))
        return or_(JOBS.c.state == "queued", left)

    def _held(self, job: str) -> tuple[ColumnElement[bool], ...]:
        return JOBS.c.id == job, JOBS.c.state == "running", JOBS.c.fence == self._fences.get(job, "")

    def _hold(self, connection: Connection, job: str) -> bool:
        """Lock a job's row for this transaction; False when it does not run here any more."""
        touched = update(JOBS).where(*self._held(job)).values(done=JOBS.c.done)
        return bool(connection.execute(touched).rowcount)
