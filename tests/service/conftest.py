"""A service in a temporary folder; SQLite always, PostgreSQL where the machine has it."""

import itertools
import threading

import pytest

pytest.importorskip("dbos", reason="the service's libraries are not installed: pip install palitra[service]")

import psycopg

from palitra.service.database import migrate, open_database
from palitra.service.files.blobs import BlobStore
from palitra.service.jobs.durable import open_client
from palitra.service.jobs.store import JobStore
from palitra.service.settings import Settings
from palitra.service.workers.desk import Desk
from palitra.service.workers.ledger import Ledger
from tests.service.fake_painter import FakePainter
from tests.service.postgres import binaries, server

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a database on a server of our own; every test copies it, which is quick."""
    if binaries() is None:
        pytest.skip("no PostgreSQL on this machine: install the package postgresql to run these tests")
    with server() as url:
        settings = Settings(db=url)
        engine = open_database(settings.database_url)
        migrate(engine, settings.database_url)
        engine.dispose()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request):
    """None for a fresh SQLite file, else the URL of a fresh PostgreSQL database, up to date but empty."""
    if request.param == "sqlite":
        yield None
        return
    url = request.getfixturevalue("postgresql")
    name = f"test_{next(NUMBERS)}"
    with psycopg.connect(url.replace("/palitra?", "/postgres?"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE palitra")
        yield url.replace("/palitra?", f"/{name}?")
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database():
    """Tests that are to run on every database take `any_database` through their module's own fixture."""


@pytest.fixture
def settings(tmp_path, database):
    return Settings(
        folder=tmp_path / "data",
        db=database,
        most_queued=20,
        most_queued_per_owner=5,
        trusted_hosts=("127.0.0.1", "testserver"),
    )


@pytest.fixture
def engine(settings):
    made = open_database(settings.database_url)
    migrate(made, settings.database_url)
    yield made
    made.dispose()


@pytest.fixture
def store(engine, settings):
    client = open_client(settings.database_url)
    yield JobStore(engine, client, settings)
    client.destroy()


@pytest.fixture
def blobs(settings):
    return BlobStore(settings.store_url)


@pytest.fixture
def ledger(engine, blobs):
    return Ledger(engine, blobs, "worker-0")


@pytest.fixture
def desk(ledger):
    """A desk that serves; jobs are handed to it by `work`."""
    made = Desk(FakePainter(), ledger)
    made.start()
    yield made
    made.stop(1)


@pytest.fixture
def work(desk):
    """Do jobs as a worker's threads would, without DBOS; returns when all are over."""

    def perform(*jobs):
        threads = [threading.Thread(target=desk.perform, args=(job.id,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    return perform


def wish(prompt="a cat", **more):
    return {"recipe": "text_to_image", "prompt": prompt, "steps": 3, **more}
