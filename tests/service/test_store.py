import time

import pytest
from sqlalchemy import insert

from palitra.errors import BusyError, ConflictError, InputError, NotFoundError
from palitra.service.jobs.events import events_after
from palitra.service.jobs.store import end_job
from palitra.service.tables import FILES
from tests.service.conftest import wish

FILE = "ab" * 32


@pytest.fixture
def database(any_database):
    return any_database


def give_file(engine, owner, file=FILE):
    with engine.begin() as connection:
        connection.execute(
            insert(FILES).values(
                id=file, owner=owner, name="", width=8, height=8, bytes=1, notes=[], created_at=time.time()
            )
        )


def kinds(engine, job):
    return [(e.kind, e.data.get("state")) for e in events_after(engine, job.id, 0)]


def test_an_accepted_job_waits_with_a_seed_of_its_own(store, engine):
    first, second = store.put("ann", wish()), store.put("ann", wish())
    assert first.state == "queued"
    assert first.total == 3
    assert first.params["seed"] != second.params["seed"]
    assert kinds(engine, first) == [("state", "queued")]
    assert store.client.retrieve_workflow(first.id).get_status().status == "ENQUEUED"


def test_a_given_seed_stays(store):
    assert store.put("ann", wish(seed=7, n=2)).params["seed"] == 7


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": 0}, "`steps` must be in"),
        ({"recipe": "cooking"}, "`recipe` must be one of"),
        ({"colour": 1}, "`colour` must be one of"),
        ({"inputs": {"sketch": FILE}}, "`inputs` must be of none, got sketch"),
    ],
)
def test_what_is_out_of_bounds_is_not_accepted(store, change, sentence):
    with pytest.raises(InputError, match=sentence):
        store.put("ann", {**wish(), **change})
    assert store.page("ann") == []


def test_a_sketch_must_be_the_owners_file(store, engine):
    asked = {"recipe": "sketch_to_image", "prompt": "a cat"}
    with pytest.raises(InputError, match=r"`inputs.sketch` must be given"):
        store.put("ann", asked)
    give_file(engine, "bob")
    with pytest.raises(NotFoundError, match=r"`inputs.sketch` must be a file you uploaded"):
        store.put("ann", {**asked, "inputs": {"sketch": FILE}})
    assert store.put("bob", {**asked, "inputs": {"sketch": FILE}}).inputs == {"sketch": FILE}


def test_one_owner_sees_nothing_of_another(store):
    job = store.put("ann", wish())
    for call in (store.get, store.cancel, store.retry, store.delete):
        with pytest.raises(NotFoundError):
            call("bob", job.id)
    assert store.page("bob") == []
    assert store.get("ann", job.id).state == "queued"


def test_an_unknown_job_is_not_found(store):
    with pytest.raises(NotFoundError, match="`job` must be one of yours"):
        store.get("ann", "0" * 36)


def test_the_same_key_accepts_once(store):
    first = store.put("ann", wish(), idempotency_key="k")
    assert store.put("ann", wish(), idempotency_key="k").id == first.id
    assert store.put("bob", wish(), idempotency_key="k").id != first.id
    with pytest.raises(ConflictError, match="`Idempotency-Key` must be new"):
        store.put("ann", wish("a dog"), idempotency_key="k")
    assert len(store.page("ann")) == 1


def test_bounds_of_an_owner_and_of_the_whole_queue(store):
    for _ in range(5):
        store.put("ann", wish())
    with pytest.raises(BusyError, match="at most 5 waiting") as mine:
        store.put("ann", wish())
    assert (mine.value.status, mine.value.retry_after_s) == (429, 10)
    for i in range(15):
        store.put(f"user{i}", wish())
    with pytest.raises(BusyError, match="at most 20 jobs") as all_:
        store.put("zoe", wish())
    assert all_.value.status == 503
    assert len(store.page("zoe")) == 0


def test_cancelling_is_told_once_and_may_be_asked_twice(store, engine):
    job = store.put("ann", wish())
    assert store.cancel("ann", job.id).state == "cancelled"
    assert store.cancel("ann", job.id).state == "cancelled"
    assert kinds(engine, job) == [("state", "queued"), ("end", "cancelled")]
    assert store.client.retrieve_workflow(job.id).get_status().status == "CANCELLED"


def test_of_two_ends_the_first_wins(store, engine):
    job = store.put("ann", wish())
    assert end_job(engine, job.id, "done")
    assert not end_job(engine, job.id, "failed", "internal", "late")
    assert store.cancel("ann", job.id).state == "done"


def test_a_retry_is_the_same_wish_with_the_same_seed(store):
    job = store.put("ann", wish())
    with pytest.raises(ConflictError, match="must have ended"):
        store.retry("ann", job.id)
    store.cancel("ann", job.id)
    again = store.retry("ann", job.id)
    assert again.params == job.params
    assert (again.retry_of, again.state) == (job.id, "queued")


def test_pages_go_from_new_to_old(store):
    jobs = [store.put("ann", wish(str(i))) for i in range(4)]
    page = store.page("ann", limit=3)
    assert [j.id for j in page] == [j.id for j in reversed(jobs)][:3]
    assert [j.id for j in store.page("ann", before=page[-1].created_at)] == [jobs[0].id]
    store.cancel("ann", jobs[1].id)
    assert [j.id for j in store.page("ann", ["cancelled"])] == [jobs[1].id]


def test_a_deleted_job_is_gone_with_its_events(store, engine):
    job = store.put("ann", wish())
    assert store.delete("ann", job.id) == []
    assert events_after(engine, job.id, 0) == []
    with pytest.raises(NotFoundError):
        store.get("ann", job.id)
    assert store.client.list_workflows(workflow_ids=[job.id]) == []
