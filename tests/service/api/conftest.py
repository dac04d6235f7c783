import time

import pytest
from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from tests.service.drawing import drawing

HERE = ("127.0.0.1", 50_000)


@pytest.fixture
def app(settings):
    return create_app(settings)


@pytest.fixture
def client(app):
    """The first user; `app` is open as long as this client is."""
    with TestClient(app, client=HERE) as made:
        yield made


@pytest.fixture
def stranger(app, client):
    """Another user of the same service."""
    return TestClient(app, client=HERE)


@pytest.fixture
def worker(app, client):
    """Draws whatever waits, as a worker process would."""
    with drawing(app.state.service) as desk:
        yield desk


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
