import pytest
import torch

from palitra.core.loop import invert, sample
from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.source import Alongside, Watch
from palitra.samplers.ddim import DDIM
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()
TIMES = SCHEDULE.times(8, "leading")
SOURCE, TARGET, EMPTY = text(1), text(2), text(3)
STEP = DDIM(SCHEDULE)


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


@pytest.fixture(scope="module")
def path(toy):
    return invert(STEP, Predictor(toy, SCHEDULE, [Conditional(SOURCE)]), latent(9), TIMES)[1]


def test_a_source_alongside_is_its_own_plain_sample(toy, path):
    along = Alongside(SCHEDULE, path[0], len(TIMES) - 1, SOURCE)
    guiders = [Conditional(TARGET), along]
    edit = sample(STEP, Predictor(toy, SCHEDULE, guiders, (), {"photo": along.track}), path[0], TIMES)
    alone = sample(STEP, Predictor(toy, SCHEDULE, [Conditional(SOURCE)]), path[0], TIMES)
    assert torch.allclose(along.track[-1], alone, atol=1e-10)
    free = sample(STEP, Predictor(toy, SCHEDULE, [Conditional(TARGET)]), path[0], TIMES)
    assert torch.allclose(edit, free, atol=1e-10)


def test_a_guided_source_is_its_own_guided_sample(toy, path):
    along = Alongside(SCHEDULE, path[0], len(TIMES) - 1, SOURCE, EMPTY, 3.0)
    predictor = Predictor(toy, SCHEDULE, [Conditional(TARGET), along], (), {"photo": along.track})
    sample(STEP, predictor, path[0], TIMES)
    alone = sample(STEP, Predictor(toy, SCHEDULE, [ClassifierFree(SOURCE, EMPTY, 3.0)]), path[0], TIMES)
    assert torch.allclose(along.track[-1], alone, atol=1e-10)
    assert predictor.samples == 3 * 8


def test_a_watched_source_costs_nothing_once_nothing_reads_it(toy, path):
    guiders = [Conditional(TARGET), Watch(SOURCE, until=0.5)]
    predictor = Predictor(toy, SCHEDULE, guiders, (), {"photo": path})
    made = sample(STEP, predictor, path[0], TIMES)
    assert predictor.samples == 8 + 4
    free = sample(STEP, Predictor(toy, SCHEDULE, [Conditional(TARGET)]), path[0], TIMES)
    assert torch.allclose(made, free, atol=1e-10)
