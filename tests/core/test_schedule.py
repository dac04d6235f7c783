import itertools

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from palitra.core.schedule import Schedule, rescale_to_zero_terminal_snr
from palitra.errors import InputError

# diffusers keeps abar in float32: its cumulative product of 1000 factors is off by about 1e-6 relative
FLOAT32_PRODUCT = 1e-5

PAIRS = {
    "linear": (Schedule.linear, {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}),
    "scaled_linear": (
        Schedule.scaled_linear,
        {"beta_schedule": "scaled_linear", "beta_start": 8.5e-4, "beta_end": 0.012},
    ),
    "cosine": (Schedule.cosine, {"beta_schedule": "squaredcos_cap_v2"}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_abar_is_that_of_diffusers(name):
    make, options = PAIRS[name]
    theirs = DDIMScheduler(**options).alphas_cumprod.double()
    assert torch.allclose(make().abar, theirs, rtol=5e-5, atol=1e-9)


@pytest.mark.parametrize("name", ["linear", "scaled_linear"])
def test_zero_terminal_snr_is_that_of_diffusers(name):
    make, options = PAIRS[name]
    theirs = DDIMScheduler(**options, rescale_betas_zero_snr=True).alphas_cumprod.double()
    ours = make(zero_terminal_snr=True)
    # theirs goes back through betas, which cannot hold the last step's exact zero in every version
    assert torch.allclose(ours.abar, theirs, atol=FLOAT32_PRODUCT)


@pytest.mark.parametrize("name", PAIRS)
def test_zero_terminal_snr_keeps_the_first_value_and_ends_in_zero(name):
    make, _ = PAIRS[name]
    plain, rescaled = make().abar, make(zero_terminal_snr=True).abar
    assert rescaled[-1] == 0
    assert torch.allclose(rescaled[0], plain[0], rtol=1e-14)
    assert (rescaled.diff() < 0).all()
    assert torch.equal(rescale_to_zero_terminal_snr(rescaled), rescaled)


def test_ddpm_betas_run_from_1e_4_to_002():
    abar = Schedule.linear().abar
    betas = 1 - abar / torch.cat([torch.ones(1, dtype=torch.float64), abar[:-1]])
    assert torch.allclose(betas, torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), atol=1e-13)
    assert torch.allclose(betas, DDPMScheduler().betas.double(), atol=1e-7)


def test_cosine_follows_its_formula_until_betas_are_capped():
    abar = Schedule.cosine().abar
    u = (torch.arange(1000, dtype=torch.float64) + 1) / 1000
    f = torch.cos((u + 0.008) / 1.008 * torch.pi / 2) ** 2
    f0 = np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    assert torch.allclose(abar[:998], (f / f0)[:998], rtol=1e-10)
    assert abar[-1] > 0


@pytest.mark.parametrize("name", PAIRS)
def test_abar_falls_strictly_in_float64(name):
    abar = PAIRS[name][0]().abar
    assert abar.dtype == torch.float64
    assert abar.shape == (1000,)
    assert (abar.diff() < 0).all()
    assert 0 < abar[-1] < abar[0] < 1


COUNTS = (2, 7, 20, 30, 50, 100, 250, 333, 999)
# At the ends we differ on purpose: one step of linspace starts at the noisy end here, at the clean end in
# diffusers, and leading with offset 1 and 1000 steps asks diffusers' network about the untrained time 1000.
AGREED = [
    *(("leading", 0, n) for n in (1, *COUNTS, 1000)),
    *(("leading", 1, n) for n in (1, *COUNTS)),
    *(("trailing", 0, n) for n in (1, *COUNTS, 1000)),
    *(("linspace", 0, n) for n in (*COUNTS, 1000)),
]


@pytest.mark.parametrize(("spacing", "offset", "count"), AGREED)
def test_times_are_those_of_diffusers(spacing, offset, count):
    theirs = DDIMScheduler(timestep_spacing=spacing, steps_offset=offset)
    theirs.set_timesteps(count)
    assert Schedule.linear().times(count, spacing, offset) == [*theirs.timesteps.tolist(), -1]


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_times_fall_strictly_within_the_training_steps(spacing):
    schedule = Schedule.linear()
    for offset in (0, 1):
        for count in (1, 2, 3, 25, 501, 667, 998, 999, 1000):
            times = schedule.times(count, spacing, offset)
            assert len(times) == count + 1
            assert times[0] < 1000
            assert times[-1] == -1
            assert all(t > u for t, u in itertools.pairwise(times))


def test_trailing_and_linspace_begin_at_the_last_step():
    for spacing in ("trailing", "linspace"):
        for count in (1, 3, 10):
            assert Schedule.linear().times(count, spacing)[0] == 999


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_times_refuses_counts_outside(count):
    with pytest.raises(InputError, match=rf"`steps` must be in \[1, 1000\], got {count}"):
        Schedule.linear().times(count)


def test_times_refuses_an_unknown_spacing():
    with pytest.raises(InputError, match="`spacing` must be leading, trailing or linspace, got karras"):
        Schedule.linear().times(10, "karras")


def test_time_minus_1_is_clean_unless_the_schedule_says_otherwise():
    plain, noisy = Schedule.scaled_linear(), Schedule.scaled_linear(final_abar=None)
    assert plain.signal(-1) == 1
    assert noisy.signal(-1) == float(noisy.abar[0])
    assert plain.sigma(-1) == 0


def test_sigma_is_the_ratio_of_noise_to_signal_and_finite_at_zero_snr():
    schedule = Schedule.scaled_linear()
    a = float(schedule.abar[500])
    assert schedule.sigma(500) == pytest.approx(((1 - a) / a) ** 0.5, rel=1e-14)
    assert Schedule.cosine(zero_terminal_snr=True).sigma(999) == pytest.approx(4096, rel=1e-6)


@pytest.mark.parametrize("shift", [1.0, 3.0, 0.5])
def test_a_flow_has_the_levels_of_diffusers(shift):
    from diffusers import FlowMatchEulerDiscreteScheduler

    theirs = FlowMatchEulerDiscreteScheduler(shift=shift).sigmas.flip(0)
    levels = Schedule.flow(1000, shift).levels
    # theirs are float32
    assert torch.allclose(levels, theirs.double(), atol=1e-6)
    assert levels[-1] == 1


def test_levels_have_the_signal_to_noise_ratio_of_their_step():
    schedule = Schedule.cosine(zero_terminal_snr=True)
    tau = schedule.levels
    snr = ((1 - tau) / tau) ** 2
    assert torch.allclose(snr, schedule.abar / (1 - schedule.abar), rtol=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_a_shift_divides_the_signal_to_noise_ratio(name):
    plain = PAIRS[name][0](zero_terminal_snr=True)
    shifted = plain.shifted(2.0)
    before, after = (s.abar[:-1] / (1 - s.abar[:-1]) for s in (plain, shifted))
    assert torch.allclose(after, before / 4, rtol=1e-9)
    assert shifted.abar[-1] == 0
    assert shifted.final_abar == 1
    assert plain.shifted(1.0) is plain


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan")])
def test_a_shift_must_be_above_0(factor):
    with pytest.raises(InputError, match="`shift` must be above 0"):
        Schedule.cosine().shifted(factor)
