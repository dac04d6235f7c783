import pytest
import torch

from palitra.core.loop import sample
from palitra.core.parametrise import Prediction
from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.samplers.ddim import DDIM
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()


def step_of(abar=0.4):
    x0, eps = torch.randn(2, 2, 4, 8, 8, dtype=torch.float64)
    x = abar**0.5 * x0 + (1 - abar) ** 0.5 * eps
    step = Step(0, 1, 500, abar, x)
    for name in ("target", "uncond"):
        guess = x0 + 0.3 * torch.randn_like(x0)
        step.predictions[name] = Prediction(guess, (x - abar**0.5 * guess) / (1 - abar) ** 0.5)
    return step


def guider(scale, rescale=0.0):
    return ClassifierFree(text(1), text(2), scale, rescale)


def test_scale_1_is_the_conditional_and_0_the_negative_prediction():
    step = step_of()
    for scale, name in ((1.0, "target"), (0.0, "uncond")):
        merged = guider(scale).combine(step, None)
        assert torch.allclose(merged.eps, step.predictions[name].eps, atol=1e-12)
        assert torch.allclose(merged.x0, step.predictions[name].x0, atol=1e-12)


@pytest.mark.parametrize("rescale", [0.0, 0.7, 1.0])
def test_the_merged_prediction_still_explains_the_latent(rescale):
    step = step_of()
    p = guider(7.5, rescale).combine(step, None)
    assert torch.allclose(step.abar**0.5 * p.x0 + (1 - step.abar) ** 0.5 * p.eps, step.x, atol=1e-10)


def test_full_rescale_gives_the_conditional_deviation_per_sample():
    step = step_of()
    p = guider(7.5, 1.0).combine(step, None)
    wanted = step.predictions["target"].x0.flatten(1).std(1)
    assert torch.allclose(p.x0.flatten(1).std(1), wanted, rtol=1e-9)
    assert p.x0.std() < guider(7.5).combine(step, None).x0.std()


def test_rescale_between_is_a_mix():
    step = step_of()
    none, some, full = (guider(7.5, r).combine(step, None).x0 for r in (0.0, 0.25, 1.0))
    assert torch.allclose(some, 0.25 * full + 0.75 * none, atol=1e-10)


def test_rescale_at_zero_snr_is_finite():
    step = step_of(0.0)
    p = guider(7.5, 0.7).combine(step, None)
    assert torch.isfinite(p.x0).all()
    assert torch.allclose(p.eps, step.x, atol=1e-10)


def test_samples_do_not_meet():
    toy = ToyDenoiser("v_prediction")
    times = SCHEDULE.times(4, "trailing")

    def run(x):
        return sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [guider(5.0, 0.7)]), x, times)

    x = latent(0, 2)
    assert torch.allclose(run(x), torch.cat([run(x[:1]), run(x[1:])]), atol=1e-10)


def test_conditional_takes_its_branch_as_it_is():
    step = step_of()
    assert Conditional(text(1)).combine(step, None) is step.predictions["target"]
    assert Conditional(text(1), "mine").branches[0].name == "mine"
