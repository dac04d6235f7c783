import pytest
import torch

from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.errors import Cancelled
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.samplers.independent_latents import AcrossTimes, guided_terms, independent_latents
from tests.models.tiny_unet import denoiser, latents, words

SCHEDULE = Schedule.scaled_linear()
TIMES = SCHEDULE.times(10)


def test_every_time_has_noise_of_its_own_and_the_end_is_the_photo():
    x0 = torch.full((1, 4, 16, 16), 0.5, dtype=torch.float64)
    made = independent_latents(SCHEDULE, x0, TIMES, Noise([3]))
    assert len(made) == 11
    assert torch.equal(made[-1], x0)
    signals = [float(SCHEDULE.abar[t]) for t in TIMES[:-1]]
    drawn = torch.stack([(x - a**0.5 * x0) / (1 - a) ** 0.5 for x, a in zip(made, signals, strict=False)])
    correlation = torch.corrcoef(drawn.flatten(1))
    # 1024 values each: six of their deviations
    assert (correlation - torch.eye(10)).abs().max() < 6 / 1024**0.5
    assert (drawn.flatten(1).std(1) - 1).abs().max() < 6 / 2048**0.5


def test_a_later_start_draws_the_same_noise():
    x0 = latents(0)
    whole = independent_latents(SCHEDULE, x0, TIMES, Noise([3]))
    part = independent_latents(SCHEDULE, x0, TIMES, Noise([3]), first=4)
    assert len(part) == 7
    assert all(torch.equal(a, b) for a, b in zip(part, whole[4:], strict=True))


@pytest.mark.parametrize("scale", [1.0, 3.5])
@pytest.mark.parametrize("most", [1, 8, 100])
def test_many_times_in_a_call_are_what_single_calls_give(scale, most):
    network, told, empty = denoiser(), words(1, 2), words(2)
    path = [latents(i, 2) for i in range(5)]
    ask = AcrossTimes(network, SCHEDULE, guided_terms(told, empty, scale), most)
    made = ask(path, TIMES[:5])
    guide = Conditional(told) if scale == 1 else ClassifierFree(told, empty, scale)
    one = Predictor(network, SCHEDULE, [guide])
    for i, p in enumerate(made):
        alone = one(path[i], TIMES[i], i, 10)
        # float32, batches of another size
        assert torch.allclose(p.eps, alone.eps, atol=1e-4)
        assert torch.allclose(p.x0, alone.x0, atol=1e-4)
    at_once = max(1, most // (2 if scale == 1 else 4))
    assert (ask.calls, ask.samples) == (-(-5 // at_once), one.samples)


def test_it_can_be_cancelled():
    ask = AcrossTimes(denoiser(), SCHEDULE, [(words(), 1.0)])
    with pytest.raises(Cancelled):
        ask([latents()], [500], Hooks(cancelled=lambda: True))


class Small:
    """A device that holds no more than `most` samples."""

    def __init__(self, network, most):
        self.network, self.most, self.parametrisation = network, most, network.parametrisation

    def __call__(self, x, t, condition):
        if len(x) > self.most:
            raise torch.OutOfMemoryError("full")
        return self.network(x, t, condition)


def test_what_does_not_fit_is_asked_in_halves():
    network, terms = denoiser(), guided_terms(words(1), words(2), 3.5)
    path = [latents(i) for i in range(7)]
    wide = AcrossTimes(network, SCHEDULE, terms)(path, TIMES[:7])
    ask = AcrossTimes(Small(network, 5), SCHEDULE, terms)
    small = ask(path, TIMES[:7])
    assert all(torch.allclose(a.eps, b.eps, atol=1e-4) for a, b in zip(wide, small, strict=True))
    # 8 times at once do not fit, nor 4; two do, of two samples each
    assert (ask.calls, ask.samples) == (4, 14)
    with pytest.raises(torch.OutOfMemoryError):
        AcrossTimes(Small(network, 1), SCHEDULE, terms)(path, TIMES[:7])
