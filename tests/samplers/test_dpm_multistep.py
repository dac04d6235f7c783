import math

import pytest
import torch

from palitra.core.schedule import Schedule
from palitra.samplers.ddim import DDIM
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from tests.core.toy import GaussianDenoiser, latent
from tests.samplers.analytic import error, order

SCHEDULE = Schedule.scaled_linear()
GAUSSIAN = GaussianDenoiser(SCHEDULE)


def test_the_first_step_is_ddim():
    sampler = DPMSolverMultistep(SCHEDULE)
    for t, u in ((999, 900), (300, 0), (0, -1)):
        made = sampler.step(GAUSSIAN.predict, sampler.start(latent(0)), t, u, 0, 1)
        ddim = DDIM(SCHEDULE).step(GAUSSIAN.predict, latent(0), t, u, 0, 1)
        assert torch.allclose(made.x, ddim, atol=1e-12)


def test_the_second_step_extrapolates_the_clean_latent():
    sampler, x = DPMSolverMultistep(SCHEDULE), latent(0)
    one = sampler.step(GAUSSIAN.predict, sampler.start(x), 900, 600, 0, 3)
    two = sampler.step(GAUSSIAN.predict, one, 600, 400, 1, 3)
    lam = [0.5 * math.log(SCHEDULE.signal(t) / (1 - SCHEDULE.signal(t))) for t in (900, 600, 400)]
    h0, h = lam[1] - lam[0], lam[2] - lam[1]
    d0, d1 = GAUSSIAN.predict(x, 900, 0, 3).x0, GAUSSIAN.predict(one.x, 600, 1, 3).x0
    data = (1 + h / (2 * h0)) * d1 - h / (2 * h0) * d0  # algorithm 2 of the paper, with r = h0 / h
    b, a = SCHEDULE.signal(400), SCHEDULE.signal(600)
    expected = ((1 - b) / (1 - a)) ** 0.5 * one.x - b**0.5 * (math.exp(-h) - 1) * data
    assert torch.allclose(two.x, expected, atol=1e-12)


def test_convergence_is_of_second_order():
    assert order(DPMSolverMultistep) == pytest.approx(2, abs=0.2)


def test_it_beats_ddim_at_equal_network_calls():
    assert error(DPMSolverMultistep, 64) < error(DDIM, 64) / 5


def test_a_latent_from_outside_forgets_the_history():
    sampler = DPMSolverMultistep(SCHEDULE)
    state = sampler.step(GAUSSIAN.predict, sampler.start(latent(0)), 900, 600, 0, 3)
    fresh = sampler.replace(state, state.x)
    assert (state.x0 is None, fresh.x0 is None) == (False, True)
    ddim = DDIM(SCHEDULE).step(GAUSSIAN.predict, state.x, 600, 400, 1, 3)
    assert torch.allclose(sampler.step(GAUSSIAN.predict, fresh, 600, 400, 1, 3).x, ddim, atol=1e-12)


def test_zero_snr_is_finite():
    schedule = Schedule.cosine(zero_terminal_snr=True)
    sampler, gaussian = DPMSolverMultistep(schedule), GaussianDenoiser(schedule)
    state = sampler.start(latent(0))
    for index, (t, u) in enumerate(((999, 799), (799, 599), (599, -1))):
        state = sampler.step(gaussian.predict, state, t, u, index, 3)
        assert torch.isfinite(state.x).all()
    assert (state.x - gaussian.mean).abs().max() < 3
