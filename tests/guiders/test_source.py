import pytest
import torch

from palitra.core.loop import invert, sample
from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.core.step import within
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.source import PHOTO, Alongside, Watch
from palitra.samplers.ddim import DDIM
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()
COUNT = 10
TIMES = SCHEDULE.times(COUNT)
SOURCE, TARGET, EMPTY = text(1), text(2), text(3)


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


def test_the_photo_is_run_only_where_it_is_read(toy):
    _, path = invert(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [Conditional(SOURCE)]), latent(0), TIMES)
    toy.seen_batches.clear()
    guiders = [Conditional(TARGET), Watch(SOURCE, since=0.2, until=0.5)]
    sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, guiders, (), {PHOTO: path}), path[0], TIMES)
    assert toy.seen_batches == [1, 1, 2, 2, 2, 1, 1, 1, 1, 1]


def test_shares_of_the_published_50_steps_are_their_step_numbers():
    steps = range(50)
    assert [i for i in steps if within(i, 50, 4 / 50, 1)] == list(range(4, 50))
    assert [i for i in steps if within(i, 50, 0, 0.8)] == list(range(40))
    assert [i for i in steps if within(i, 50, 0, 0)] == []


@pytest.mark.parametrize("scale", [None, 3.0])
def test_alongside_samples_the_photo_as_a_run_of_its_own_would(toy, scale):
    noise = latent(4)
    if scale is None:
        beside, alone = Alongside(SCHEDULE, noise, COUNT, SOURCE), Conditional(SOURCE)
    else:
        beside = Alongside(SCHEDULE, noise, COUNT, SOURCE, EMPTY, scale)
        alone = ClassifierFree(SOURCE, EMPTY, scale)
    edit = sample(
        DDIM(SCHEDULE),
        Predictor(toy, SCHEDULE, [Conditional(TARGET), beside], (), {PHOTO: beside.track}),
        latent(5),
        TIMES,
    )
    whole = sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [alone]), noise, TIMES)
    free = sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [Conditional(TARGET)]), latent(5), TIMES)
    # float64 rounding over ten steps
    assert torch.allclose(beside.track[COUNT], whole, atol=1e-12)
    assert torch.allclose(edit, free, atol=1e-12)
