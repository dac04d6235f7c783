"""The desk of one device: claimed jobs wait here and are drawn, compatible ones together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from palitra.errors import OutOfMemoryError, PalitraError
from palitra.recipes.generate import LARGEST_BATCH
from palitra.recipes.picture import Picture
from palitra.service.jobs.job import Job
from palitra.service.logs import about_jobs
from palitra.service.workers.ledger import Ledger

LOG = logging.getLogger("palitra.worker")
LINGER_S = 0.05
"""How long a lone job waits for company."""
TELL_S = 0.25
WATCH_S = 0.1
AGAIN_S = 1.0
"""Between two looks at a job that cannot be worked on here now."""


class Painter(Protocol):
    """Draws the pictures of jobs of one batch key; knows models, nothing of queues."""

    def paint(self, jobs: Sequence[Job], told: Told) -> None:
        """Draw; `told` hears of each job by its place and says which are no longer wanted.

        Raises:
            PalitraError: it cannot be drawn; when several were asked for, each is then tried alone.
        """
        ...

    def together(self, job: Job) -> bool:
        """Whether the job may share network calls at all."""
        ...


class Told(Protocol):
    """What a painter tells while it works."""

    def progress(self, place: int, done: int, total: int) -> None:
        """How far a job is."""
        ...

    def preview(self, place: int, jpeg: bytes) -> None:
        """A small picture of what is being drawn."""
        ...

    def wants_preview(self, place: int) -> bool:
        """Whether it is time for one."""
        ...

    def notes(self, place: int, notes: Sequence[dict[str, object]]) -> None:
        """What was done to the input."""
        ...

    def picture(self, place: int, picture: Picture) -> None:
        """A finished picture."""
        ...

    def refused(self, place: int, error: PalitraError) -> None:
        """A job fails when all is drawn, its mates do not."""
        ...

    def dropped(self) -> set[int]:
        """Places of jobs that are no longer wanted."""
        ...


@dataclass(eq=False)
class Ticket:
    """A job at the desk; `over` is set when nothing more happens to it here."""

    job: Job
    over: threading.Event = field(default_factory=threading.Event)


class Desk:
    """Takes tickets from many threads and serves them in one: a device does one thing at a time."""

    def __init__(
        self, painter: Painter, ledger: Ledger, most_crashes: int = 3, previews: bool = True
    ) -> None:
        self.painter, self.ledger = painter, ledger
        self.most_crashes, self.previews = most_crashes, previews
        self._waiting: list[Ticket] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._paused = False
        self._served: dict[str, float] = {}
        self._now: list[Ticket] = []
        self._gone: set[str] = set()
        self._threads = [
            threading.Thread(target=self._serve, name="desk", daemon=True),
            threading.Thread(target=self._watch, name="desk-watch", daemon=True),
        ]

    def start(self) -> None:
        """Begin to serve."""
        for thread in self._threads:
            thread.start()

    def perform(self, job_id: str) -> bool:
        """Return when the job is over; False when the desk stopped first and it must be taken up again.

        A job that another worker runs, and one whose database is away, is asked for again and again: to
        return earlier would tell DBOS that nobody needs to work on it any more.
        """
        while True:
            try:
                if self._perform_once(job_id):
                    return True
            except DBAPIError:
                LOG.warning("job %s: the database does not answer", job_id)
            if self._stopping.wait(AGAIN_S):
                return False

    def _perform_once(self, job_id: str) -> bool:
        job = self.ledger.job(job_id)
        if job is None:
            return True
        if job.crashes >= self.most_crashes:
            words = f"the job took its worker down {job.crashes} times and is not tried again"
            if self.ledger.end(job.id, "failed", "poison", words):
                LOG.error("job %s took its worker down %d times", job.id, job.crashes)
            return self.ledger.job(job_id) is None
        ticket = Ticket(job)
        with self._changed:
            if self._stopping.is_set():
                return False
            self._waiting.append(ticket)
            self._changed.notify_all()
        ticket.over.wait()
        return self.ledger.job(job_id) is None

    def stop(self, patience_s: float = 10.0) -> None:
        """Take nothing new, let the running batch finish for a while, then hand it back."""
        with self._changed:
            self._stopping.set()
            waiting, self._waiting = self._waiting, []
            self._changed.notify_all()
        for ticket in waiting:
            ticket.over.set()
        until = time.monotonic() + patience_s
        while self._now and time.monotonic() < until:
            time.sleep(0.05)
        running = [t.job.id for t in self._now]
        self.ledger.hand_back(running)
        self._gone |= set(running)
        for ticket in list(self._now):
            ticket.over.wait(5)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            batch = self._next()
            if not batch:
                continue
            self._now = batch
            ids = [t.job.id for t in batch]
            try:
                self._draw(batch)
            except Exception as error:
                if _database_lost(error):
                    LOG.exception("jobs %s: the database was lost; they wait again", ids)
                    self._write(lambda: self.ledger.hand_back(ids))  # noqa: B023 - called at once
                else:
                    LOG.exception("jobs %s", ids)
                    for job in ids:
                        words = "a fault of ours; it is in the log"
                        self._write(lambda: self.ledger.end(job, "failed", "internal", words))  # noqa: B023
            finally:
                self._now = []
                self._gone -= set(ids)
                self.ledger.forget(ids)
                for ticket in batch:
                    self._served[ticket.job.owner] = time.monotonic()
                    ticket.over.set()

    def _write(self, entry: Callable[[], object]) -> None:
        """Make an entry as soon as the database is there; the desk can do nothing else meanwhile."""
        while True:
            try:
                entry()
            except DBAPIError:
                LOG.warning("the database does not answer")
                if self._stopping.wait(AGAIN_S):
                    return
            else:
                return

    def _next(self) -> list[Ticket]:
        """The fair next job and its mates: priority first, then the owner served longest ago, then age."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping.is_set(), timeout=1)
            if self._paused or not self._waiting or self._stopping.is_set():
                self._changed.wait(WATCH_S)
                return []
            self._changed.wait_for(
                lambda: len(self._waiting) >= LARGEST_BATCH or self._stopping.is_set(), LINGER_S
            )
            if self._stopping.is_set():
                return []
            order = sorted(
                self._waiting,
                key=lambda t: (t.job.priority, self._served.get(t.job.owner, 0.0), t.job.created_at),
            )
            batch = [order[0]]
            if self._sociable(order[0].job):
                rows = rows_of(order[0].job)
                for other in order[1:]:
                    same = other.job.batch_key == batch[0].job.batch_key and self._sociable(other.job)
                    if same and rows + rows_of(other.job) <= LARGEST_BATCH:
                        batch.append(other)
                        rows += rows_of(other.job)
            self._waiting = [t for t in self._waiting if t not in batch]
            return batch

    def _sociable(self, job: Job) -> bool:
        """A job that took a worker down runs alone, so that it cannot take mates with it again."""
        return job.crashes == 0 and self.painter.together(job)

    def _draw(self, batch: list[Ticket]) -> None:
        begun = self.ledger.begin([t.job.id for t in batch])
        batch = [t for t in batch if t.job.id in begun]
        if not batch:
            return
        jobs = [t.job for t in batch]
        ids = [job.id for job in jobs]
        telling = _Telling(self, jobs)
        try:
            with about_jobs(*ids):
                LOG.info("drawing: %s, jobs: %d", jobs[0].recipe, len(jobs))
                self.painter.paint(jobs, telling)
        except PalitraError as error:
            self.ledger.settle(ids)
            if len(batch) > 1:
                for ticket in batch:
                    self._draw([ticket])
                return
            self._failed(jobs[0], error)
        else:
            self.ledger.settle(ids)
            for place, job in enumerate(jobs):
                if place in telling.refusals:
                    self._failed(job, telling.refusals[place])
                elif job.id not in self._gone:
                    self.ledger.end(job.id, "done")

    def _failed(self, job: Job, error: PalitraError) -> None:
        if job.id in self._gone:
            return
        if isinstance(error, OutOfMemoryError):
            LOG.warning("job %s: %s", job.id, error)
        else:
            LOG.info("job %s failed: %s", job.id, error.code)
        self.ledger.end(job.id, "failed", error.code, str(error))

    def _watch(self) -> None:
        """Notices cancelled and late jobs while they run, and an operator's pause."""
        while not self._stopping.is_set() or self._now:
            time.sleep(WATCH_S)
            try:
                self._paused = self.ledger.paused()
                running = [t.job.id for t in self._now]
                if running:
                    self._gone |= self.ledger.unwanted(running)
            except Exception:
                LOG.exception("cannot ask for cancelled jobs")

    def gone(self, jobs: Sequence[Job]) -> set[int]:
        """Places of the jobs that are no longer wanted."""
        return {place for place, job in enumerate(jobs) if job.id in self._gone}


class _Telling:
    """Writes a painter's news to the ledger, not more often than people can read them."""

    def __init__(self, desk: Desk, jobs: Sequence[Job]) -> None:
        self._desk, self._jobs = desk, jobs
        self._told = [0.0] * len(jobs)
        self._shown = [0.0] * len(jobs)
        self.refusals: dict[int, PalitraError] = {}

    def progress(self, place: int, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._told[place] >= TELL_S:
            self._told[place] = now
            self._desk.ledger.progress(self._jobs[place].id, done, total)

    def wants_preview(self, place: int) -> bool:
        return self._desk.previews and time.monotonic() - self._shown[place] >= 2 * TELL_S

    def preview(self, place: int, jpeg: bytes) -> None:
        self._shown[place] = time.monotonic()
        self._desk.ledger.preview(self._jobs[place].id, jpeg)

    def notes(self, place: int, notes: Sequence[dict[str, object]]) -> None:
        self._desk.ledger.notes(self._jobs[place].id, notes)

    def picture(self, place: int, picture: Picture) -> None:
        if place not in self.dropped():
            self._desk.ledger.picture(self._jobs[place], picture)

    def refused(self, place: int, error: PalitraError) -> None:
        self.refusals.setdefault(place, error)

    def dropped(self) -> set[int]:
        return self._desk.gone(self._jobs)


def _database_lost(error: Exception) -> bool:
    """Whether the connection is gone: PostgreSQL calls the end of an idle transaction an internal error."""
    return isinstance(error, (OperationalError, InterfaceError)) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def rows_of(job: Job) -> int:
    """Rows that a job takes in a batch."""
    return int(job.params["n"])
