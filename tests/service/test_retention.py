import time

import pytest
from sqlalchemy import select, update

from palitra.errors import NotFoundError
from palitra.service.files.retention import DAY_S, sweep, sweep_orphans
from palitra.service.tables import FILES, JOBS, PICTURES
from tests.portrait import NAME, portraits
from tests.service.conftest import wish
from tests.service.test_store import give_file

LATER = time.time() + 31 * DAY_S


def kept(settings):
    return [p for p in settings.folder.rglob("*") if p.is_file() and len(p.name) == 64]


def test_old_jobs_go_with_their_pictures_and_bytes(store, engine, blobs, work, settings):
    job = store.put("ann", wish(n=2))
    work(job)
    assert len(kept(settings)) == 2
    assert sweep(engine, blobs, 30).jobs == 0
    swept = sweep(engine, blobs, 30, LATER)
    assert (swept.jobs, swept.blobs) == (1, 2)
    assert kept(settings) == []
    with engine.connect() as connection:
        assert connection.execute(select(PICTURES)).all() == []


def test_open_jobs_and_favourites_stay(store, engine, blobs, work, settings):
    loved, waiting = store.put("ann", wish(seed=1)), store.put("ann", wish(seed=2, steps=4))
    work(loved)
    with engine.begin() as connection:
        connection.execute(update(PICTURES).values(favourite=True))
    assert sweep(engine, blobs, 30, LATER).jobs == 0
    assert {j.id for j in store.page("ann")} == {loved.id, waiting.id}


def test_bytes_that_another_picture_has_too_stay(store, engine, blobs, work, settings):
    """The same wish of two people gives the same bytes, kept once."""
    old, new = store.put("ann", wish(seed=1)), store.put("bob", wish(seed=1))
    work(old, new)
    assert len(kept(settings)) == 1
    with engine.begin() as connection:
        connection.execute(update(JOBS).where(JOBS.c.id == old.id).values(finished_at=0.0))
    swept = sweep(engine, blobs, 30)
    assert (swept.jobs, swept.blobs) == (1, 0)
    assert len(kept(settings)) == 1


def test_uploads_go_unless_a_kept_job_draws_from_them(store, engine, blobs):
    file, other = blobs.put(b"one"), blobs.put(b"two")
    for each in (file, other):
        give_file(engine, "ann", each)
    store.put("ann", {"recipe": "sketch_to_image", "prompt": "x", "inputs": {"sketch": file}})
    assert sweep(engine, blobs, 30, LATER).files == 1
    with engine.connect() as connection:
        assert list(connection.scalars(select(FILES.c.id))) == [file]


def test_workflows_of_swept_jobs_go_too(store, engine, blobs, work):
    job = store.put("ann", wish())
    work(job)
    sweep(engine, blobs, 30, LATER, store.client.delete_workflows)
    assert store.client.list_workflows(workflow_ids=[job.id]) == []


def test_bytes_that_nothing_names_go_after_a_day(store, engine, blobs, work, settings):
    job = store.put("ann", wish())
    work(job)
    file, orphan = blobs.put(b"upload"), blobs.put(b"orphan")
    give_file(engine, "ann", file)
    stranger = settings.folder / "files" / "README"
    stranger.write_text("not ours")
    assert sweep_orphans(engine, blobs) == 0
    assert sweep_orphans(engine, blobs, time.time() + 2 * DAY_S) == 1
    assert len(kept(settings)) == 2
    assert stranger.exists()
    with pytest.raises(NotFoundError):
        blobs.get(orphan)


def test_photos_of_people_go_sooner_than_all_else(store, engine, blobs, work, settings):
    photo, backdrop, waiting = (blobs.put(content) for content in (b"photo", b"backdrop", b"waiting"))
    for each in (photo, backdrop, waiting):
        give_file(engine, "ann", each)

    def ask(**inputs):
        return store.put(
            "ann", {"recipe": NAME, "prompt": "x", "inputs": inputs, "consent": True, "steps": 2}
        )

    with portraits():
        done = ask(photo=photo, backdrop=backdrop)
        work(done)
        open_job = ask(photo=waiting)
        assert sweep(engine, blobs, 30, time.time() + 6 * DAY_S, keep_people_days=7).files == 0
        swept = sweep(engine, blobs, 30, time.time() + 8 * DAY_S, keep_people_days=7)
    assert (swept.jobs, swept.files, swept.blobs) == (0, 1, 1)
    assert (blobs.has(photo), blobs.has(backdrop), blobs.has(waiting)) == (False, True, True)
    assert store.get("ann", done.id).state == "done"
    assert store.get("ann", open_job.id).state == "queued"
