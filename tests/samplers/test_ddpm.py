import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from palitra.core.loop import sample
from palitra.core.parametrise import Prediction
from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.errors import InputError
from palitra.samplers.ddpm import DDPM
from tests.core.toy import GaussianDenoiser, latent
from tests.samplers.analytic import Unguided

SCHEDULE = Schedule.linear()
PAIRS = [(999, 998), (500, 499), (500, 400), (999, 0), (1, 0)]


def normal(x, mean, variance):
    return np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


@pytest.mark.parametrize(("t", "u"), PAIRS)
def test_the_posterior_is_bayes_by_brute_force(t, u):
    """q(x_u | x_t, x0) from q(x_u | x0) q(x_t | x_u) on a fine grid, no formula of the paper used."""
    a, b = SCHEDULE.signal(t), SCHEDULE.signal(u)
    x0 = 0.4
    xt = a**0.5 * x0 + (1 - a) ** 0.5 * -0.7
    centre, width = b**0.5 * x0, (1 - b) ** 0.5
    grid = np.linspace(centre - 12 * width, centre + 12 * width, 400_001)
    density = normal(grid, centre, 1 - b) * normal(xt, (a / b) ** 0.5 * grid, 1 - a / b)
    density /= density.sum()
    mean = (grid * density).sum()
    variance = ((grid - mean) ** 2 * density).sum()
    of_x0, of_x, ours = DDPM(SCHEDULE).posterior(t, u)
    assert of_x0 * x0 + of_x * xt == pytest.approx(mean, abs=1e-6)
    assert ours == pytest.approx(variance, rel=1e-4)


def test_neighbouring_times_give_the_papers_equations():
    t = 321
    beta = 1 - SCHEDULE.signal(t) / SCHEDULE.signal(t - 1)
    a, b, alpha = SCHEDULE.signal(t), SCHEDULE.signal(t - 1), 1 - beta
    of_x0, of_x, small = DDPM(SCHEDULE).posterior(t, t - 1)
    assert of_x0 == pytest.approx(b**0.5 * beta / (1 - a), rel=1e-12)
    assert of_x == pytest.approx(alpha**0.5 * (1 - b) / (1 - a), rel=1e-12)
    assert small == pytest.approx((1 - b) / (1 - a) * beta, rel=1e-12)
    assert DDPM(SCHEDULE, "large").posterior(t, t - 1)[2] == pytest.approx(beta, rel=1e-12)


def test_the_mean_is_algorithm_2s():
    t, x = 321, latent(0)
    gaussian = GaussianDenoiser(SCHEDULE)
    beta = 1 - SCHEDULE.signal(t) / SCHEDULE.signal(t - 1)
    eps = gaussian.predict(x, t, 0, 1).eps
    mean = (x - beta / (1 - SCHEDULE.signal(t)) ** 0.5 * eps) / (1 - beta) ** 0.5
    made = DDPM(SCHEDULE).step(gaussian.predict, x, t, t - 1, 0, 1, Noise([4]))
    z = Noise([4]).normal((4, 8, 8))
    assert torch.allclose(made - DDPM(SCHEDULE).posterior(t, t - 1)[2] ** 0.5 * z, mean, atol=1e-10)


@pytest.mark.parametrize("variance", ["small", "large"])
def test_the_whole_chain_is_diffusers_given_the_same_noise(variance):
    theirs = DDPMScheduler(variance_type=f"fixed_{variance}", clip_sample=False)
    # its float32 product would be the only difference
    theirs.alphas_cumprod = SCHEDULE.abar
    theirs.betas = 1 - SCHEDULE.abar / torch.cat([torch.ones(1, dtype=torch.float64), SCHEDULE.abar[:-1]])
    theirs.set_timesteps(1000)
    gaussian = GaussianDenoiser(SCHEDULE)
    x = Noise([11]).normal((2, 3, 3))
    g = torch.Generator().manual_seed(12)
    y = x
    for t in theirs.timesteps:
        eps = gaussian.predict(y, int(t), 0, 1).eps.float()
        y = theirs.step(eps, t, y, generator=g).prev_sample.float()
    ours = sample(
        DDPM(SCHEDULE, variance), Unguided(gaussian), x, SCHEDULE.times(1000, "trailing"), Noise([12])
    )
    # 1,000 float32 steps
    assert torch.allclose(ours.float(), y, atol=1e-4)


def test_sampling_gives_the_datas_mean_and_deviation():
    gaussian = GaussianDenoiser(SCHEDULE, 0.7, 0.5)
    noise = Noise([8])
    x = noise.normal((1, 100, 100), torch.float64)
    made = sample(DDPM(SCHEDULE), Unguided(gaussian), x, SCHEDULE.times(250, "trailing"), noise)
    # 5 standard errors of 10,000 draws, and 1 % for the 250 steps
    assert float(made.mean()) == pytest.approx(0.7, abs=0.025)
    assert float(made.std()) == pytest.approx(0.5, rel=0.05)


def test_the_last_step_is_the_mean_without_noise():
    gaussian, x = GaussianDenoiser(SCHEDULE), latent(0)
    made = DDPM(SCHEDULE).step(gaussian.predict, x, 30, -1, 0, 1, Noise([4]))
    assert torch.allclose(made, gaussian(x, 30), atol=1e-12)


def test_clip_bounds_the_clean_picture():
    predict = lambda x, t, i, n, stage=0: Prediction(torch.full_like(x, 5.0), x)  # noqa: E731
    made = DDPM(SCHEDULE, clip=1.0).step(predict, latent(0), 30, -1, 0, 1, Noise([4]))
    assert torch.allclose(made, torch.ones_like(made), atol=1e-12)


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="`variance` must be small or large, got learned"):
        DDPM(SCHEDULE, "learned")
    with pytest.raises(InputError, match="`noise` must be given for DDPM"):
        DDPM(SCHEDULE).step(GaussianDenoiser(SCHEDULE).predict, latent(0), 30, 20, 0, 1)
