import math

import pytest
import torch

from palitra.core.loop import invert, sample
from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.errors import InputError
from palitra.samplers.ddim import DDIM
from palitra.samplers.ddpm import DDPM
from palitra.samplers.euler import Euler
from tests.core.toy import GaussianDenoiser, latent
from tests.samplers.analytic import Unguided, order

SCHEDULE = Schedule.scaled_linear()
GAUSSIAN = GaussianDenoiser(SCHEDULE)
PAIRS = [(999, 949), (500, 499), (500, 100), (1, 0), (0, -1)]


@pytest.mark.parametrize(("t", "u"), PAIRS)
def test_eta_0_is_euler(t, u):
    x = latent(0)
    ddim = DDIM(SCHEDULE).step(GAUSSIAN.predict, x, t, u, 0, 1)
    assert torch.allclose(ddim, Euler(SCHEDULE).step(GAUSSIAN.predict, x, t, u, 0, 1), atol=1e-12)


@pytest.mark.parametrize(("t", "u"), PAIRS)
def test_eta_1_is_ddpm_with_the_small_variance(t, u):
    x = latent(0)
    ddim = DDIM(SCHEDULE, 1.0).step(GAUSSIAN.predict, x, t, u, 0, 1, Noise([3]))
    ddpm = DDPM(SCHEDULE).step(GAUSSIAN.predict, x, t, u, 0, 1, Noise([3]))
    assert torch.allclose(ddim, ddpm, atol=1e-12)


def test_eta_between_adds_the_noise_of_equation_16():
    t, u, eta = 500, 400, 0.6
    a, b = SCHEDULE.signal(t), SCHEDULE.signal(u)
    sigma = eta * math.sqrt((1 - b) / (1 - a)) * math.sqrt(1 - a / b)
    x = latent(0)
    p = GAUSSIAN.predict(x, t, 0, 1)
    mean = math.sqrt(b) * p.x0 + math.sqrt(1 - b - sigma**2) * p.eps
    made = DDIM(SCHEDULE, eta).step(GAUSSIAN.predict, x, t, u, 0, 1, Noise([3]))
    assert torch.allclose(made, mean + sigma * Noise([3]).normal((4, 8, 8)), atol=1e-12)


def test_the_exact_answer_of_a_single_picture_needs_one_step():
    # all mass at one point: the flow is a straight line
    point = GaussianDenoiser(SCHEDULE, mean=0.3, deviation=0.0)
    x = DDIM(SCHEDULE).step(point.predict, latent(0), 999, 100, 0, 1)
    assert torch.allclose(x, point.flow(latent(0), 999, 100), atol=1e-12)


def test_convergence_is_of_first_order():
    assert order(DDIM) == pytest.approx(1, abs=0.1)


def test_inversion_error_falls_with_the_steps():
    x0 = 0.7 + 0.5 * latent(1)

    def error(count):
        times = SCHEDULE.times(count, "trailing")
        noise, _ = invert(DDIM(SCHEDULE), Unguided(GAUSSIAN), x0, times)
        return float((sample(DDIM(SCHEDULE), Unguided(GAUSSIAN), noise, times) - x0).norm() / x0.norm())

    errors = [error(count) for count in (10, 20, 40, 80, 160)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 8


def test_the_way_back_undoes_a_step_of_constant_noise():
    class Constant:
        def __call__(self, x, t, index, count, stage=0):
            eps = torch.full_like(x, 0.3)
            a = SCHEDULE.signal(t)
            return type(GAUSSIAN.predict(x, t, 0, 1))((x - (1 - a) ** 0.5 * eps) / a**0.5, eps)

    for sampler in (DDIM(SCHEDULE), Euler(SCHEDULE)):
        x = latent(0)
        down = sampler.step(Constant(), x, 500, 300, 0, 1)
        assert torch.allclose(sampler.back(Constant(), down, 300, 500, 0, 1), x, atol=1e-12)


def test_zero_snr_starts_from_pure_noise():
    schedule = Schedule.cosine(zero_terminal_snr=True)
    x = latent(0)
    for sampler in (DDIM(schedule), DDIM(schedule, 1.0)):
        made = sampler.step(GaussianDenoiser(schedule).predict, x, 999, 949, 0, 20, Noise([0]))
        assert torch.isfinite(made).all()


def test_a_final_abar_below_1_keeps_the_last_step_noisy():
    schedule = Schedule.scaled_linear(final_abar=None)
    gaussian, x = GaussianDenoiser(schedule), latent(0)
    assert torch.allclose(DDIM(schedule).step(gaussian.predict, x, 0, -1, 0, 1), x, atol=1e-12)


def test_bad_input_is_refused():
    with pytest.raises(InputError, match=r"`eta` must be in \[0, 1\], got 1.5"):
        DDIM(SCHEDULE, 1.5)
    with pytest.raises(InputError, match=r"`noise` must be given for eta 0\.5"):
        DDIM(SCHEDULE, 0.5).step(GAUSSIAN.predict, latent(0), 500, 400, 0, 1)
