import pytest
import torch

from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.core.schedule import Schedule
from palitra.errors import Cancelled
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.samplers.ddim import DDIM
from palitra.samplers.inversion import ddim_inversion
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser("v_prediction")


def round_trip(toy, count, guider):
    times, x0 = SCHEDULE.times(count, "trailing"), latent(0)
    noise, trajectory = ddim_inversion(Predictor(toy, SCHEDULE, [guider]), x0, times)
    assert len(trajectory) == count + 1
    back = sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [guider]), noise, times)
    return float((back - x0).norm() / x0.norm())


def test_the_round_trip_error_falls_with_the_steps(toy):
    errors = [round_trip(toy, count, Conditional(text(1))) for count in (5, 20, 80)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.3 * errors[0]


def test_guidance_makes_the_round_trip_worse(toy):
    plain = round_trip(toy, 10, Conditional(text(1)))
    assert round_trip(toy, 10, ClassifierFree(text(1), text(2), 7.5)) > plain


def test_replaying_the_trajectory_gives_the_photo_at_every_step(toy):
    """What an editor's source branch reads at step i is the latent it would have there."""
    times, x0 = SCHEDULE.times(10, "trailing"), latent(0)
    predictor = Predictor(toy, SCHEDULE, [Conditional(text(1))])
    noise, trajectory = ddim_inversion(predictor, x0, times)
    assert torch.equal(trajectory[0], noise)
    assert torch.equal(trajectory[-1], x0)
    for i in range(10):
        up = DDIM(SCHEDULE).back(predictor, trajectory[i + 1], times[i + 1], times[i], i, 10)
        assert torch.allclose(up, trajectory[i], atol=1e-12)


def test_it_can_be_cancelled(toy):
    predictor = Predictor(toy, SCHEDULE, [Conditional(text(1))])
    with pytest.raises(Cancelled):
        ddim_inversion(predictor, latent(0), SCHEDULE.times(5), Hooks(cancelled=lambda: True))
