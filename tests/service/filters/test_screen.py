import pytest

from palitra.service.api.views import pictures_of
from palitra.service.filters import filter as filter_module
from palitra.service.filters.filter import Filters
from palitra.service.filters.screen import ScreenedPainter, screened
from palitra.service.jobs.events import events_after
from palitra.service.workers.desk import Desk
from palitra.service.workers.worker import Worker
from tests.service.conftest import wish
from tests.service.fake_painter import FakePainter


class NoOddReds:
    """The fake painter's red is the seed."""

    def refuses_image(self, image, prompt):
        return image.getpixel((0, 0))[0] % 2 == 1


@pytest.fixture
def desk(ledger):
    made = Desk(ScreenedPainter(FakePainter(), Filters(images=[NoOddReds()])), ledger)
    made.start()
    yield made
    made.stop(1)


def test_a_refused_picture_is_kept_nowhere_and_fails_its_job_alone(store, work, engine, blobs, settings):
    good, bad = store.put("ann", wish(seed=4)), store.put("bob", wish(seed=5))
    mixed = store.put("cyd", wish(seed=6, n=2))
    work(good, bad, mixed)
    states = {job.owner: store.get(job.owner, job.id) for job in (good, bad, mixed)}
    assert {owner: job.state for owner, job in states.items()} == {
        "ann": "done",
        "bob": "failed",
        "cyd": "failed",
    }
    assert states["bob"].error_code == states["cyd"].error_code == "content_refused"
    assert [p.seed for job in (good, bad, mixed) for p in pictures_of(engine, job.id)] == [4, 6]
    assert len([p for p in settings.folder.rglob("*") if len(p.name) == 64]) == 2


def test_mates_of_a_refused_picture_are_drawn_once(store, work, desk):
    jobs = [store.put(owner, wish(seed=seed)) for owner, seed in (("ann", 4), ("bob", 5), ("cyd", 6))]
    work(*jobs)
    drawn = [job for batch in desk.painter.painter.batches for job in batch]
    assert sorted(drawn) == sorted(job.id for job in jobs)
    assert [store.get(job.owner, job.id).state for job in jobs] == ["done", "failed", "done"]


def test_there_are_no_previews(store, work, engine):
    job = store.put("ann", wish(prompt="slow", seed=4, steps=5))
    work(job)
    kinds = {event.kind for event in events_after(engine, job.id, 0)}
    assert kinds == {"state", "progress", "image", "end"}


def test_without_image_filters_nothing_stands_between(settings):
    painter = FakePainter()
    assert screened(painter, settings) is painter


def test_a_worker_puts_the_filters_of_its_settings_before_its_painter(settings, monkeypatch):
    monkeypatch.setitem(filter_module.SHIPPED, "no-odd-reds", lambda settings: NoOddReds())
    chosen = settings.model_copy(update={"filters": ("no-odd-reds",)})
    worker = Worker(chosen, 0, FakePainter)
    assert isinstance(worker.desk.painter, ScreenedPainter)
    worker.engine.dispose()
