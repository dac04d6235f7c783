"""A worker that falls silent without ending, and the one that takes its jobs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from palitra.service.api.views import pictures_of
from palitra.service.database import open_database
from palitra.service.files.naming import lock_names
from palitra.service.jobs.events import events_after
from palitra.service.tables import EVENTS, JOBS, PICTURES, WORKERS
from palitra.service.workers.heartbeat import beat, bury, is_alive, release, retire, silent_workers
from palitra.service.workers.ledger import Ledger
from tests.service.conftest import wish

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(any_database):
    return any_database


# to start a worker and to outwait its predecessor's locks takes seconds here, on a starved machine many more
def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def age(engine, worker, seconds):
    with engine.begin() as connection:
        connection.execute(
            update(WORKERS).where(WORKERS.c.id == worker).values(beat_at=WORKERS.c.beat_at - seconds)
        )


def test_a_worker_is_silent_after_its_time_when_it_retires_and_when_it_never_beat(engine):
    for worker in ("a", "b", "c"):
        beat(engine, worker, "cpu", [])
    assert silent_workers(engine, 30) == []
    age(engine, "a", 31)
    retire(engine, "b")
    assert silent_workers(engine, 30, ["c", "d"]) == ["a", "b", "d"]
    assert not is_alive(engine, "a", 30)
    assert not is_alive(engine, "unknown", 30)
    beat(engine, "a", "cpu", [])
    assert is_alive(engine, "a", 30)
    assert silent_workers(engine, 30) == ["b"]


def test_one_that_beats_again_in_time_is_not_buried(engine):
    beat(engine, "a", "cpu", [])
    bury(engine, "a", 30)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(WORKERS)) == 1


def test_a_released_job_waits_again_and_its_former_worker_writes_nothing_more(store, engine, blobs, ledger):
    from PIL import Image

    from palitra.recipes.picture import Picture

    job = store.put("ann", wish(seed=5))
    assert ledger.begin([job.id]) == {job.id}
    assert release(engine, "worker-0") == 1
    waiting = store.get("ann", job.id)
    assert (waiting.state, waiting.worker, waiting.crashes) == ("queued", None, 1)
    assert ledger.unwanted([job.id]) == {job.id}
    other = Ledger(engine, blobs, "worker-1")
    assert other.begin([job.id]) == {job.id}
    before = len(events_after(engine, job.id, 0))
    for stale in (ledger, Ledger(engine, blobs, "worker-0")):
        assert stale.begin([job.id]) == set()
        stale.progress(job.id, 1, 3)
        stale.preview(job.id, b"jpeg")
        stale.notes(job.id, [{"code": "x"}])
        stale.picture(job, Picture(Image.new("RGB", (8, 8)), 5, {}))
        stale.settle([job.id])
        stale.hand_back([job.id])
        assert stale.end(job.id, "failed", "internal", "no") is False
    assert len(events_after(engine, job.id, 0)) == before
    running = store.get("ann", job.id)
    assert (running.state, running.worker, running.crashes, running.notes) == ("running", "worker-1", 2, None)
    assert pictures_of(engine, job.id) == []
    assert other.end(job.id, "done") is True


def test_a_restarted_worker_may_begin_what_its_former_process_ran(store, engine, blobs, ledger):
    job = store.put("ann", wish())
    ledger.begin([job.id])
    again = Ledger(engine, blobs, "worker-0")
    assert again.begin([job.id]) == {job.id}
    assert ledger.end(job.id, "done") is False


@pytest.fixture
def start(settings):
    """Starts worker processes with a painter of squares; all are ended afterwards."""
    children = []
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PALITRA_FOLDER": str(settings.folder),
        "PALITRA_DB": settings.database_url,
        "PALITRA_HEARTBEAT_S": "0.2",
        "PALITRA_DEAD_AFTER_S": "1",
        "PALITRA_GRACE_S": "0.2",
    }

    def one(number, **more):
        command = [sys.executable, "-m", "tests.service.fake_painter", "--number", str(number)]
        children.append(subprocess.Popen(command, env={**environment, **more}, cwd=ROOT))
        return children[-1]

    yield one
    for child in children:
        child.kill()
        child.wait()


def freeze(process, engine):
    """Stop it while the test is SQLite's one writer: one stopped amid its own writing keeps the file."""
    with engine.begin() as connection:
        lock_names(connection, [])
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)


def worker_of(store, job):
    return (store.get(job.owner, job.id).worker or "")[-1:]


def nothing_is_double(engine, jobs):
    with engine.connect() as connection:
        drawn = connection.execute(select(PICTURES.c.job, func.count()).group_by(PICTURES.c.job)).all()
        ends = connection.execute(
            select(EVENTS.c.job, func.count()).where(EVENTS.c.kind == "end").group_by(EVENTS.c.job)
        ).all()
        seqs = {j.id: [e.seq for e in events_after(engine, j.id, 0)] for j in jobs}
    assert dict(map(tuple, drawn)) == {j.id: 1 for j in jobs}
    assert dict(map(tuple, ends)) == {j.id: 1 for j in jobs}
    assert all(found == list(range(1, len(found) + 1)) for found in seqs.values())


def test_a_worker_frozen_amid_a_transaction_does_not_keep_its_jobs_locked(
    store, engine, settings, ledger, monkeypatch
):
    if engine.dialect.name == "sqlite":
        pytest.skip("a writer that holds SQLite's file cannot be ended by others")
    monkeypatch.setattr("palitra.service.database.IDLE_S", 1)
    frozen = open_database(settings.database_url)
    job = store.put("ann", wish())
    ledger.begin([job.id])
    with frozen.connect() as connection:
        connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(done=1))
        assert release(engine, "worker-0") == 1
        with pytest.raises(DBAPIError) as lost:
            connection.scalar(select(JOBS.c.done))
        assert lost.value.connection_invalidated
    frozen.dispose()
    assert store.get("ann", job.id).done == 0


@pytest.mark.slow
def test_a_live_worker_takes_the_jobs_of_a_stopped_one_which_then_changes_nothing(store, engine, start):
    jobs = [
        store.put("ann", wish("slow", seed=7, steps=60)),
        *(store.put("bob", wish(steps=9)) for _ in "12"),
    ]
    frozen = start(0)
    wait_for(lambda: store.get("ann", jobs[0].id).done > 0)
    freeze(frozen, engine)
    late = store.put("cid", wish(steps=4))
    start(1)
    wait_for(lambda: worker_of(store, jobs[0]) == "1")
    frozen.send_signal(signal.SIGCONT)
    wait_for(lambda: all(store.get(j.owner, j.id).state == "done" for j in (*jobs, late)))
    assert worker_of(store, jobs[0]) == "1"
    more = [store.put("dan", wish(steps=3, prompt=str(i))) for i in range(4)]
    wait_for(lambda: all(store.get(j.owner, j.id).state == "done" for j in more))
    time.sleep(0.5)
    nothing_is_double(engine, [*jobs, late, *more])
    wait_for(lambda: not store.client.list_workflows(status=["PENDING", "ENQUEUED"]))
    with engine.connect() as connection:
        assert sorted(w[-1] for w in connection.scalars(select(WORKERS.c.id))) == ["0", "1"]


@pytest.mark.slow
def test_an_asked_worker_hands_back_and_another_goes_on_with_the_same_seeds(store, engine, start):
    running = store.put("ann", wish("slow", seed=11, steps=80))
    waiting = store.put("bob", wish(seed=12, steps=9))
    first = start(0)
    wait_for(lambda: store.get("ann", running.id).done > 0)
    first.terminate()
    assert first.wait(20) == 0
    back = store.get("ann", running.id)
    assert (back.state, back.crashes, back.worker, back.done) == ("queued", 0, None, 0)
    assert store.get("bob", waiting.id).state in ("queued", "done")
    start(1)
    wait_for(lambda: all(store.get(j.owner, j.id).state == "done" for j in (running, waiting)))
    assert [p.seed for p in pictures_of(engine, running.id)] == [11]
    nothing_is_double(engine, [running, waiting])
    with engine.connect() as connection:
        assert set(connection.scalars(select(JOBS.c.crashes))) == {0}


@pytest.mark.slow
def test_an_asked_worker_finishes_what_fits_into_its_grace(store, start):
    job = store.put("ann", wish("slow", steps=20))
    worker = start(0, PALITRA_GRACE_S="20")
    wait_for(lambda: store.get("ann", job.id).done > 0)
    worker.terminate()
    assert worker.wait(30) == 0
    assert store.get("ann", job.id).state == "done"


def test_who_lives_is_told_by_the_databases_clock(engine, store, monkeypatch):
    """A host whose clock runs an hour ahead or behind sees the same workers as the others."""
    from palitra.service.jobs.place import place_of
    from palitra.service.workers.heartbeat import living_workers

    beat(engine, "a", "cpu", [])
    job = store.put("ann", wish())
    if engine.dialect.name == "postgresql":  # SQLite's clock is its host's
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 3600)
    with engine.connect() as connection:
        assert living_workers(connection, 30) == 1
    assert place_of(engine, job).eta_s is not None
    age(engine, "a", 31)
    assert place_of(engine, job).eta_s is None
