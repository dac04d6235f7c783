"""A worker process: claims jobs through DBOS, draws them at its desk, shows that it lives."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

from dbos import DBOS, DBOSPortableJSONSerializer
from sqlalchemy.exc import DBAPIError

from palitra.service.database import migrate, open_database
from palitra.service.files.blobs import BlobStore
from palitra.service.files.marks import Marks
from palitra.service.files.retention import sweep, sweep_orphans
from palitra.service.filters.screen import screened
from palitra.service.jobs.durable import APPLICATION, QUEUE, VERSION, WORKFLOW, quiet_dbos, system_url
from palitra.service.jobs.place import learn_time
from palitra.service.settings import Settings
from palitra.service.workers.desk import Desk, Painter
from palitra.service.workers.heartbeat import beat, bury, release, retire, silent_workers
from palitra.service.workers.inversions import drop_old
from palitra.service.workers.ledger import Ledger
from palitra.service.workers.number import hold_number

LOG = logging.getLogger("palitra.worker")
TIDY_S = 3600.0
INVERSIONS = "inversions"
PainterFactory = Callable[[Settings, BlobStore], Painter]


def worker_id(number: int = 0) -> str:
    """The same on every start of the same worker, so that it finds its own unfinished jobs."""
    return f"{socket.gethostname()}-{number}"


def recipe_painter(settings: Settings, blobs: BlobStore) -> Painter:
    """The painter of the service, with its first model warm."""
    from palitra.service.workers.edit_painter import EditPainter
    from palitra.service.workers.models import Models
    from palitra.service.workers.painter import RecipePainter
    from palitra.zoo.embedded import class_models

    models = Models(settings.most_models_bytes, settings.device)
    edits = EditPainter(
        blobs, settings.folder / INVERSIONS, settings.keep_inversions_s, settings.most_inversions_bytes
    )
    painter = RecipePainter(models, blobs, class_models(settings.class_models), edits)
    painter.models.get(settings.model)
    return painter


class Worker:
    """One process per device. `run` returns only when it was asked to stop."""

    def __init__(self, settings: Settings, number: int = 0, factory: PainterFactory = recipe_painter) -> None:
        self.settings, self.id = settings, worker_id(number)
        self.engine = open_database(settings.database_url)
        migrate(self.engine, settings.database_url)
        self._number = hold_number(self.engine, self.id, number)
        self.blobs = BlobStore(settings.store_url)
        self.painter = screened(factory(settings, self.blobs), settings)
        self.ledger = Ledger(self.engine, self.blobs, self.id, Marks.of(settings))
        self.desk = Desk(self.painter, self.ledger, settings.most_crashes, settings.previews)
        self._stop, self._finished = threading.Event(), threading.Event()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then finish what can be finished soon and hand back the rest."""
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)
        self.desk.start()
        release(self.engine, self.id)  # of an earlier process: any worker may begin them
        # before the first job is claimed, so that nobody takes us for a dead one
        beat(self.engine, self.id, self.settings.device, [])
        self._launch()
        living = threading.Thread(target=self._live, name="heartbeat", daemon=True)
        living.start()
        # apart from the heartbeat: a store with a million files takes longer than a worker may be silent
        threading.Thread(target=self._tidy, name="tidy", daemon=True).start()
        LOG.info("worker %s is ready", self.id)
        self._stop.wait()
        self._finish(living)
        logging.shutdown()
        # workflow threads still wait at the desk on purpose: their jobs stay pending and are taken up again
        os._exit(0)

    def _finish(self, living: threading.Thread) -> None:
        LOG.info("worker %s stops: what runs has %g s to finish", self.id, self.settings.grace_s)
        try:
            self.desk.stop(self.settings.grace_s)
            self._finished.set()
            living.join(self.settings.heartbeat_s)
            retire(self.engine, self.id)
        except DBAPIError:
            LOG.warning("the database does not answer: jobs are taken up when this worker is found silent")

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _launch(self) -> None:
        quiet_dbos()
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": system_url(self.settings.database_url),
                "executor_id": self.id,
                "application_version": VERSION,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "WARNING",
            }
        )
        never = threading.Event()

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
        def draw(job: str) -> None:
            if not self.desk.perform(job):
                never.wait()
            self._learn()

        DBOS.listen_queues([QUEUE])
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=self.settings.claim,
            partition_worker_concurrency=min(self.settings.claim, self.settings.claim_per_owner),
            polling_interval_sec=self.settings.poll_s,
        )

    def _learn(self) -> None:
        measured: dict[str, float] = getattr(self.painter, "seconds", {})
        while measured:
            key, seconds = measured.popitem()
            learn_time(self.engine, key, seconds)

    def _live(self) -> None:
        """Renew the heartbeat until all is handed back; take over the jobs of workers that are silent."""
        while not self._finished.is_set():
            try:
                beat(self.engine, self.id, self.settings.device, [])
                if not self._stop.is_set():
                    self._take_over()
            except Exception:
                LOG.exception("no heartbeat")
            self._finished.wait(self.settings.heartbeat_s)

    def _take_over(self) -> None:
        claimed = DBOS.list_workflows(status="PENDING", queue_name=QUEUE, load_input=False, load_output=False)
        holders = {str(flow.executor_id) for flow in claimed}
        for dead in silent_workers(self.engine, self.settings.dead_after_s, holders):
            if dead == self.id:
                continue
            freed = DBOS._recover_pending_workflows([dead])
            release(self.engine, dead)
            bury(self.engine, dead, self.settings.dead_after_s)
            if freed:
                LOG.warning("worker %s is silent: its %d jobs wait again", dead, len(freed))

    def _tidy(self) -> None:
        """At the start and every hour, delete what is past its time, and bytes that nothing names."""
        while not self._stop.is_set():
            try:
                days = self.settings.keep_days
                swept = sweep(
                    self.engine,
                    self.blobs,
                    days,
                    forget=DBOS.delete_workflows,
                    keep_people_days=min(days, self.settings.keep_people_days),
                )
                orphans = sweep_orphans(self.engine, self.blobs)
                drop_old(self.settings.folder / INVERSIONS, self.settings.keep_inversions_s)
            except Exception:
                LOG.exception("cannot delete what is past its time")
            else:
                counts = (swept.jobs, swept.files, swept.blobs + orphans)
                LOG.info("past their time: %d jobs, %d uploads, %d files", *counts)
            self._stop.wait(TIDY_S)
