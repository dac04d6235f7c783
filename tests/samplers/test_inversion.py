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


@pytest.mark.parametrize("convention", ["noisy", "clean", "fine"])
def test_every_convention_comes_back_with_enough_steps(convention):
    """On a Gaussian, whose score is exact, the error is the inversion's alone and falls with the steps."""
    from palitra.core.condition import Condition
    from palitra.core.predictor import Predictor
    from palitra.core.schedule import Schedule
    from palitra.guiders.cfg import Conditional
    from palitra.samplers.inversion import ddim_inversion
    from tests.core.toy import GaussianDenoiser, latent

    schedule = Schedule.scaled_linear()
    denoiser = GaussianDenoiser(schedule)
    label = Condition(label=torch.zeros(1, dtype=torch.long))
    errors = []
    for steps in (10, 50):
        times = schedule.times(steps, "leading")
        predictor = Predictor(denoiser, schedule, [Conditional(label)])
        x0 = latent(3)
        noise, path = ddim_inversion(predictor, x0, times, convention=convention)
        assert len(path) == steps + 1
        assert torch.equal(path[-1], x0)
        assert torch.equal(path[0], noise)
        assert predictor.calls == (times[0] + 1 if convention == "fine" else steps)
        exact = denoiser.flow(x0, -1, times[0])
        errors.append(float((noise - exact).norm() / exact.norm()))
    if convention == "fine":
        # both walk the same thousand steps
        assert max(errors) < 0.01
    else:
        assert errors[1] < errors[0] / 2
