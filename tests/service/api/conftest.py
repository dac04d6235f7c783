import threading
import time

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from palitra.service.tables import JOBS
from palitra.service.workers.desk import Desk
from palitra.service.workers.ledger import Ledger
from tests.service.fake_painter import FakePainter


@pytest.fixture
def app(settings):
    return create_app(settings)


@pytest.fixture
def client(app):
    """The first user; `app` is open as long as this client is."""
    with TestClient(app) as made:
        yield made


@pytest.fixture
def stranger(app, client):
    """Another user of the same service."""
    return TestClient(app)


@pytest.fixture
def worker(app, client):
    """Draws whatever waits, as a worker process would."""
    service = app.state.service
    desk = Desk(FakePainter(), Ledger(service.engine, service.blobs, "worker-0"))
    desk.start()
    over, taken = threading.Event(), set()

    def claim():
        while not over.wait(0.02):
            with service.engine.connect() as connection:
                waiting = list(connection.scalars(select(JOBS.c.id).where(JOBS.c.state == "queued")))
            for job in set(waiting) - taken:
                taken.add(job)
                threading.Thread(target=desk.perform, args=(job,), daemon=True).start()

    thread = threading.Thread(target=claim, daemon=True)
    thread.start()
    yield desk
    over.set()
    thread.join(5)
    desk.stop(1)


def ended(client, job, seconds=20):
    until = time.monotonic() + seconds
    while True:
        told = client.get(f"/v1/jobs/{job}").json()
        if told["state"] not in ("queued", "running"):
            return told
        assert time.monotonic() < until, told
        time.sleep(0.03)


def parse_sse(text):
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
        if fields:
            events.append(fields)
    return events
