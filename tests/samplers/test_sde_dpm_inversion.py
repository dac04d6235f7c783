import math
from itertools import pairwise

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.guiders.cfg import Conditional
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.samplers.dpm_multistep import History
from palitra.samplers.edit_friendly import ancestral_mean
from palitra.samplers.independent_latents import AcrossTimes
from palitra.samplers.sde_dpm_inversion import KeptNoiseDPMSolver, sde_dpm_inversion, stochastic_mean
from tests.core.toy import GaussianDenoiser, latent
from tests.models.tiny_unet import latents, tiny_unet, words

SCHEDULE = Schedule.scaled_linear(final_abar=None)
GAUSSIAN = GaussianDenoiser(SCHEDULE)


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("final", [None, 1.0])
def test_the_same_words_give_the_photo_back(first, final):
    schedule = Schedule.scaled_linear(final_abar=final)
    network, times = DiffusersUNet(tiny_unet(), "v_prediction"), schedule.times(12)
    ask = AcrossTimes(network, schedule, [(words(1, 2), 1.0)])
    path, residues = sde_dpm_inversion(ask, latents(0, 2), times, Noise([1, 2]), first)
    assert ask.samples == (12 - first) * 2
    sampler = KeptNoiseDPMSolver(schedule, residues, first)
    predictor = Predictor(network, schedule, [Conditional(words(1, 2))])
    made = sampler.image(sample(sampler, predictor, path[0], times, first=first))
    # float32, batches of another size
    assert torch.allclose(made, latents(0, 2), atol=1e-5)


def test_the_first_step_is_the_ancestral_one():
    """Of first order, the solver's mean is DDPM's."""
    for t, u in ((999, 900), (300, 260), (20, 0)):
        a, b, x = SCHEDULE.signal(t), SCHEDULE.signal(u), latent(0)
        p = GAUSSIAN.predict(x, t, 0, 1)
        made = stochastic_mean(x, p.x0, None, a, b)
        assert torch.allclose(made, ancestral_mean(p, a, b), atol=1e-12)


def test_steps_are_those_of_diffusers():
    """Its stochastic DPM-Solver++ with the same noise, from the first step to the last but one."""
    scheduler = DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        algorithm_type="sde-dpmsolver++",
        solver_order=2,
        prediction_type="sample",
        timestep_spacing="leading",
        final_sigmas_type="zero",
    )
    scheduler.set_timesteps(20)
    times = [*scheduler.timesteps.tolist(), -1]
    draws = [latent(100 + i) for i in range(20)]
    residues = []
    for z, t, u in zip(draws, times[:-1], times[1:], strict=True):
        a, b = SCHEDULE.signal(t), SCHEDULE.signal(u)
        e = a / (1 - a) / (b / (1 - b))  # e^-2h
        residues.append(0 * z if u < 0 else math.sqrt((1 - b) * (1 - e)) * z)
    theirs = latent(0)
    sampler = KeptNoiseDPMSolver(SCHEDULE, residues)
    state = sampler.start(latent(0))
    for i, (t, u) in enumerate(pairwise(times)):
        x0 = GAUSSIAN.predict(theirs, t, i, 20).x0
        theirs = scheduler.step(x0, t, theirs, variance_noise=draws[i]).prev_sample
        state = sampler.step(GAUSSIAN.predict, state, t, u, i, 20)
        # diffusers makes its schedule in float32
        assert torch.allclose(state.x, theirs, atol=2e-4)


def test_a_latent_from_outside_keeps_the_history():
    sampler = KeptNoiseDPMSolver(SCHEDULE, [latent(5)] * 3)
    state = sampler.step(GAUSSIAN.predict, sampler.start(latent(0)), 900, 600, 0, 3)
    moved = sampler.replace(state, state.x)
    assert moved.x0 is state.x0
    one, two = (sampler.step(GAUSSIAN.predict, s, 600, 400, 1, 3).x for s in (state, moved))
    assert torch.equal(one, two)
    assert not torch.equal(one, sampler.step(GAUSSIAN.predict, History(state.x), 600, 400, 1, 3).x)
