"""Budgets in processor time: the arithmetic, and that the first measurement stays."""

import json
import time

import pytest

from palitra.errors import InputError
from palitra.experiments import equal_time
from palitra.experiments.equal_time import rounded, seconds_of_step, train_for
from palitra.experiments.processor_time import ProcessorClock
from palitra.zoo.models import preset
from tests.experiments.made_data import place_in
from tests.zoo.toy_images import toy_images


@pytest.mark.parametrize(
    ("count", "least", "wanted"), [(123_456, 64, 120_000), (99_600, 64, 100_000), (87, 64, 87), (3, 64, 64)]
)
def test_budgets_have_two_digits(count, least, wanted):
    assert rounded(count, least) == wanted


def test_the_budget_is_time_over_step_time_and_is_kept(tmp_path, monkeypatch):
    data, calls = toy_images(32), []
    monkeypatch.setattr(equal_time, "seconds_of_step", lambda *a: calls.append(1) or 0.5)
    small = ("training.batch=8", "backbone.width=4")
    first = train_for(place_in(tmp_path, None), data, "cvae", "tiny", small, 0, 0.05)
    # 3 seconds, 6 steps of 8 pictures
    assert (first.images, first.config.training.images) == (48, 48)
    monkeypatch.setattr(equal_time, "seconds_of_step", lambda *a: calls.append(1) or 0.1)
    again = train_for(place_in(tmp_path, None), data, "cvae", "tiny", small, 0, 0.05)
    assert again.images == 48
    assert len(calls) == 1
    assert (first.folder / "best.safetensors").read_bytes() == (
        again.folder / "best.safetensors"
    ).read_bytes()


def test_a_damaged_budget_is_named(tmp_path):
    place = place_in(tmp_path, None)
    place.folder.mkdir()
    (place.folder / "budget.json").write_text("{}")
    with pytest.raises(InputError, match=r"`out` must hold undamaged trials, got .*budget\.json"):
        train_for(place, toy_images(32), "cvae", "tiny", (), 0, 1)


def test_steps_are_timed_in_whole_cycles(monkeypatch):
    steps = []
    monkeypatch.setattr(equal_time.Trainer, "one_step", lambda self: steps.append(time.process_time()))
    config = preset("stylegan2", "tiny", ("training.batch=8",))
    assert seconds_of_step(toy_images(32), config, 0.001) > 0
    assert (len(steps) - 1) % config.regularisers.lazy_every == 0


def test_a_clock_goes_on_in_another_process(tmp_path):
    path = tmp_path / "a" / "time.json"
    clock = ProcessorClock(path)
    sum(range(10**6))
    clock.keep()
    kept = json.loads(path.read_text())["processor_seconds"]
    assert ProcessorClock(path).seconds == pytest.approx(kept, abs=0.05)
    path.write_text("damaged")
    assert ProcessorClock(path).seconds < 0.05
