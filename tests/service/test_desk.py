import threading
import time

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from palitra.service.api.views import pictures_of
from palitra.service.jobs.events import events_after
from palitra.service.jobs.pause import set_paused
from palitra.service.tables import JOBS, PICTURES
from palitra.service.workers.desk import Desk
from tests.service.conftest import wish
from tests.service.fake_painter import FakePainter


@pytest.fixture
def database(any_database):
    return any_database


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


def test_a_job_is_drawn_told_and_kept(store, engine, work, blobs):
    job = store.put("ann", wish(seed=300, n=2))
    work(job)
    assert store.get("ann", job.id).state == "done"
    events = events_after(engine, job.id, 0)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert [e.kind for e in events][:2] == ["state", "state"]
    assert [e.kind for e in events][-3:] == ["image", "image", "end"]
    assert [e.data["done"] for e in events if e.kind == "progress"][-1] == 6
    pictures = pictures_of(engine, job.id)
    assert [p.seed for p in pictures] == [300, 301]
    with engine.connect() as connection:
        for row in connection.execute(select(PICTURES)):
            assert blobs.get(row.blob).startswith(b"\x89PNG")


def test_jobs_of_one_key_are_drawn_together_and_others_apart(store, desk, work, monkeypatch):
    # on a busy machine all four threads need longer than usual to come
    monkeypatch.setattr("palitra.service.workers.desk.LINGER_S", 0.5)
    same = [store.put(owner, wish(f"a {owner}")) for owner in ("ann", "bob", "cid")]
    other = store.put("dan", wish(steps=4))
    work(*same, other)
    assert sorted(map(len, desk.painter.batches)) == [1, 3]
    assert [store.get(j.owner, j.id).state for j in (*same, other)] == ["done"] * 4


def test_a_batch_holds_eight_rows(store, desk, work):
    jobs = [store.put(f"u{i}", wish(n=3)) for i in range(5)]
    work(*jobs)
    assert sorted(map(len, desk.painter.batches)) == [1, 2, 2]


def test_a_failing_mate_does_not_take_the_others_with_it(store, work):
    good, bad = store.put("ann", wish()), store.put("bob", wish("fail"))
    work(good, bad)
    assert store.get("ann", good.id).state == "done"
    failed = store.get("bob", bad.id)
    assert (failed.state, failed.error_code) == ("failed", "bad_input")
    assert failed.error == "`prompt` must not be fail, got fail"
    assert failed.crashes == 0


def test_a_bug_is_told_without_its_traceback(store, work, caplog):
    job = store.put("ann", wish("bug"))
    work(job)
    failed = store.get("ann", job.id)
    assert (failed.state, failed.error_code) == ("failed", "internal")
    assert "Traceback" not in failed.error
    assert "a bug" in caplog.text


def test_cancelling_stops_a_running_job_soon(store, engine, desk, work):
    desk.painter.step_s = 0.002  # slow: 0.1 s a step
    job, mate = store.put("ann", wish("slow", steps=100)), store.put("bob", wish("slow", steps=100))
    threading.Thread(target=work, args=(job, mate), daemon=True).start()
    wait_for(lambda: store.get("ann", job.id).done > 0)
    store.cancel("ann", job.id)
    assert store.get("ann", job.id).state == "cancelled"
    time.sleep(0.5)
    seen = store.get("ann", job.id).done
    assert store.get("bob", mate.id).state == "running"
    time.sleep(0.4)
    assert store.get("ann", job.id).done == seen
    store.cancel("bob", mate.id)
    wait_for(lambda: not desk._now)
    assert pictures_of(engine, job.id) == []
    assert [e.kind for e in events_after(engine, job.id, 0)][-1] == "end"


def test_a_job_about_to_begin_is_not_taken_for_cancelled(store, ledger):
    job = store.put("ann", wish())
    assert ledger.unwanted([job.id]) == set()
    ledger.begin([job.id])
    assert ledger.unwanted([job.id]) == set()
    store.cancel("ann", job.id)
    assert ledger.unwanted([job.id, "unknown"]) == {job.id, "unknown"}


def test_a_job_past_its_deadline_fails(store, engine, desk, work):
    job = store.put("ann", wish("slow", steps=1000))
    with engine.begin() as connection:
        connection.execute(update(JOBS).values(deadline_at=time.time() - 1))
    work(job)
    failed = store.get("ann", job.id)
    assert (failed.state, failed.error_code) == ("failed", "deadline")


def crashed(engine, job, times):
    with engine.begin() as connection:
        connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(crashes=times, state="running"))


def test_a_job_that_took_its_worker_down_runs_alone(store, engine, desk, work):
    jobs = [store.put(f"u{i}", wish()) for i in range(3)]
    crashed(engine, jobs[0], 1)
    work(*jobs)
    assert [jobs[0].id] in desk.painter.batches
    assert sorted(map(len, desk.painter.batches)) == [1, 2]
    assert [store.get(j.owner, j.id).crashes for j in jobs] == [0, 0, 0]


def test_after_three_crashes_it_is_poison_and_kept(store, engine, desk, work):
    job = store.put("ann", wish())
    crashed(engine, job, 3)
    work(job)
    failed = store.get("ann", job.id)
    assert (failed.state, failed.error_code) == ("failed", "poison")
    assert failed.params["prompt"] == "a cat"
    assert desk.painter.batches == []


def test_a_second_run_leaves_one_picture(store, engine, ledger, work):
    """A worker that died between its last picture and the end: the job runs again with the same seed."""
    job = store.put("ann", wish(seed=5))
    work(job)
    with engine.begin() as connection:
        connection.execute(update(JOBS).values(state="running"))
    work(job)
    assert [p.seed for p in pictures_of(engine, job.id)] == [5]
    assert store.get("ann", job.id).state == "done"


def test_a_cancelled_job_takes_no_more_entries(store, engine, ledger):
    from PIL import Image

    from palitra.recipes.picture import Picture

    job = store.put("ann", wish())
    ledger.begin([job.id])
    store.cancel("ann", job.id)
    before = len(events_after(engine, job.id, 0))
    ledger.progress(job.id, 2, 3)
    ledger.picture(job, Picture(Image.new("RGB", (8, 8)), 0, {}))
    ledger.begin([job.id])
    ledger.end(job.id, "done")
    assert len(events_after(engine, job.id, 0)) == before
    assert pictures_of(engine, job.id) == []
    assert store.get("ann", job.id).state == "cancelled"


def test_stopping_hands_back_what_runs_and_waits(store, engine, ledger):
    desk = Desk(FakePainter(step_s=0.002), ledger)
    desk.start()
    running, waiting = store.put("ann", wish("slow", steps=500)), store.put("bob", wish(steps=9))
    over = {}
    for job in (running, waiting):
        thread = threading.Thread(target=lambda j=job: over.update({j.id: desk.perform(j.id)}))
        thread.start()
        wait_for(lambda: desk._now)
    desk.stop(0.1)
    wait_for(lambda: len(over) == 2)
    assert over == {running.id: False, waiting.id: False}
    again = store.get("ann", running.id)
    assert (again.state, again.crashes, again.done, again.worker) == ("queued", 0, 0, None)
    assert store.get("bob", waiting.id).state == "queued"
    assert desk.perform(waiting.id) is False


def test_owners_take_turns(store, ledger):
    """Ann has handed in three different jobs before Bob's one; he is second, not fourth."""
    desk = Desk(FakePainter(step_s=0.02), ledger)
    jobs = [store.put("ann", wish(steps=s)) for s in (10, 11, 12)] + [store.put("bob", wish(steps=13))]
    threads = [threading.Thread(target=desk.perform, args=(j.id,)) for j in jobs]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(desk._waiting) == 4)
    desk.start()
    for thread in threads:
        thread.join(20)
    desk.stop(1)
    order = [ids[0] for ids in desk.painter.batches]
    assert order.index(jobs[3].id) == 1


def test_a_paused_queue_begins_nothing_new_and_loses_nothing(store, engine, desk, work):
    set_paused(engine, True)
    wait_for(lambda: desk._paused)
    jobs = [store.put("ann", wish()), store.put("bob", wish(steps=4))]
    thread = threading.Thread(target=work, args=jobs, daemon=True)
    thread.start()
    time.sleep(0.4)
    assert desk.painter.batches == []
    assert store.put("cid", wish()).state == "queued"
    set_paused(engine, False)
    thread.join(20)
    assert [store.get(j.owner, j.id).state for j in jobs] == ["done", "done"]


def test_priority_comes_before_turns(store, ledger):
    desk = Desk(FakePainter(step_s=0.01), ledger)
    first, second, third = (store.put(o, wish(steps=10 + i)) for i, o in enumerate(("ann", "bob", "cid")))
    low = store.put("dan", wish(steps=13), priority=5)
    threads = [threading.Thread(target=desk.perform, args=(j.id,)) for j in (low, first, second, third)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(desk._waiting) == 4)
    desk.start()
    for thread in threads:
        thread.join(20)
    desk.stop(1)
    assert desk.painter.batches[-1] == [low.id]


@pytest.mark.parametrize("state", ["done", "cancelled"])
def test_an_ended_job_is_not_drawn_again(store, engine, desk, work, state):
    job = store.put("ann", wish())
    with engine.begin() as connection:
        connection.execute(update(JOBS).values(state=state))
    assert desk.perform(job.id) is True
    assert desk.painter.batches == []


@pytest.mark.parametrize("method", ["job", "begin", "progress", "picture", "settle", "end"])
def test_a_lost_database_loses_no_job_and_counts_no_crash(store, ledger, desk, work, monkeypatch, method):
    """Each entry fails once, as when the server restarts; the job is drawn all the same."""
    monkeypatch.setattr("palitra.service.workers.desk.AGAIN_S", 0.01)
    real, calls = getattr(ledger, method), []

    def lost_once(*args):
        calls.append(args)
        if len(calls) == 1:
            raise OperationalError("UPDATE", {}, Exception("the server closed the connection"))
        return real(*args)

    job = store.put("ann", wish(seed=5))
    monkeypatch.setattr(ledger, method, lost_once)
    work(job)
    monkeypatch.undo()
    done = store.get("ann", job.id)
    assert (done.state, done.crashes) == ("done", 0)
    assert len(calls) >= 2
