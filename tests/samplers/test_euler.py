import math

import pytest
import torch

from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.errors import InputError
from palitra.samplers.ddim import DDIM
from palitra.samplers.euler import Euler
from tests.core.toy import GaussianDenoiser, latent
from tests.samplers.analytic import order

SCHEDULE = Schedule.scaled_linear()
GAUSSIAN = GaussianDenoiser(SCHEDULE)


def test_a_step_is_the_difference_equation_in_sigma():
    x, t, u = latent(0), 700, 600
    eps = GAUSSIAN.predict(x, t, 0, 1).eps
    now, then = SCHEDULE.sigma(t), SCHEDULE.sigma(u)
    y = x * math.sqrt(1 + now**2) + (then - now) * eps
    made = Euler(SCHEDULE).step(GAUSSIAN.predict, x, t, u, 0, 1)
    assert torch.allclose(made * math.sqrt(1 + then**2), y, atol=1e-11)


def test_full_ancestral_is_ddim_of_eta_1_in_distribution():
    # same noise, and both end at the same marginal: sigma_up of k-diffusion is eq. 16 of DDIM at eta 1
    x, t, u = latent(0), 700, 600
    euler = Euler(SCHEDULE, 1.0).step(GAUSSIAN.predict, x, t, u, 0, 1, Noise([5]))
    ddim = DDIM(SCHEDULE, 1.0).step(GAUSSIAN.predict, x, t, u, 0, 1, Noise([5]))
    # the noise itself is float32
    assert torch.allclose(euler, ddim, atol=1e-5)


def test_a_share_of_ancestral_keeps_the_noise_level():
    t, u, share = 700, 600, 0.4
    now, then = SCHEDULE.sigma(t), SCHEDULE.sigma(u)
    up = share * then * math.sqrt(1 - then**2 / now**2)
    x = latent(0)
    p = GAUSSIAN.predict(x, t, 0, 1)
    y = p.x0 + math.sqrt(then**2 - up**2) * p.eps + up * Noise([5]).normal((4, 8, 8))
    made = Euler(SCHEDULE, share).step(GAUSSIAN.predict, x, t, u, 0, 1, Noise([5]))
    assert torch.allclose(made, y / math.sqrt(1 + then**2), atol=1e-11)


def test_convergence_is_of_first_order():
    assert order(Euler) == pytest.approx(1, abs=0.1)


def test_zero_snr_is_finite_in_float32():
    schedule = Schedule.cosine(zero_terminal_snr=True)
    x = latent(0, dtype=torch.float32)
    gaussian = GaussianDenoiser(schedule)
    made = Euler(schedule).step(gaussian.predict, x, 999, 949, 0, 20)
    # sigma 4096 stands for infinity: one part in 4096 of the step
    assert torch.allclose(made, DDIM(schedule).step(gaussian.predict, x, 999, 949, 0, 20), atol=1e-3)


def test_bad_input_is_refused():
    with pytest.raises(InputError, match=r"`ancestral` must be in \[0, 1\], got -1"):
        Euler(SCHEDULE, -1)
    with pytest.raises(InputError, match=r"`noise` must be given for ancestral 0\.5"):
        Euler(SCHEDULE, 0.5).step(GAUSSIAN.predict, latent(0), 500, 400, 0, 1)
