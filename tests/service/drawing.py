"""Draws whatever waits in a service's database, as a worker process would, with squares for pictures."""

import threading
from contextlib import contextmanager

from sqlalchemy import select

from palitra.service.tables import JOBS
from palitra.service.workers.desk import Desk
from palitra.service.workers.ledger import Ledger
from tests.service.fake_painter import FakePainter


@contextmanager
def drawing(service, painter=None, poll_s=0.02):
    """A desk that serves the open service (`app.state.service`) until the block ends."""
    desk = Desk(painter or FakePainter(), Ledger(service.engine, service.blobs, "worker-0"))
    desk.start()
    over, taken = threading.Event(), set()

    def claim():
        while not over.wait(poll_s):
            with service.engine.connect() as connection:
                waiting = set(connection.scalars(select(JOBS.c.id).where(JOBS.c.state == "queued")))
            for job in waiting - taken:
                taken.add(job)
                threading.Thread(target=desk.perform, args=(job,), daemon=True).start()

    claimer = threading.Thread(target=claim, daemon=True)
    claimer.start()
    try:
        yield desk
    finally:
        over.set()
        claimer.join(5)
        desk.stop(1)
