from dataclasses import replace

import pytest
import torch

from palitra.core.parametrise import to_prediction
from palitra.core.schedule import Schedule
from palitra.models.scheduler_config import MINI_SCHEDULER, sampling_from
from palitra.train.config import MiniConfig
from palitra.train.mini_objective import (
    KINDS,
    Objective,
    draw_times,
    loss_weight,
    schedule_of,
    scheduler_config,
    times_of_smaller,
)

CPU = torch.device("cpu")
BASE = MiniConfig()
CHOICES = {
    "v": BASE,
    "eps": replace(BASE, prediction="eps"),
    "x0": replace(BASE, prediction="x0"),
    "flow": replace(BASE, prediction="flow", schedule="flow"),
    "shifted flow": replace(BASE, prediction="flow", schedule="flow", shift=2.0),
    "linear": replace(BASE, schedule="linear"),
    "scaled linear": replace(BASE, schedule="scaled_linear"),
    "shifted cosine": replace(BASE, shift=0.5),
    "shifted linear": replace(BASE, schedule="linear", shift=3.0),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_right_answer_gives_back_picture_and_noise(name):
    objective = Objective.of(CHOICES[name], CPU)
    x0, noise = torch.randn(2, 5, 3, 4, 4)
    times = torch.tensor([1, 300, 500, 800, 950])
    _, target = objective.noised(x0, noise, times)
    for i, t in enumerate(times.tolist()):
        abar = objective.schedule.signal(t)
        x = abar**0.5 * x0[i] + (1 - abar) ** 0.5 * noise[i]
        p = to_prediction(target[i], x, abar, objective.kind)
        # eps at little signal divides float32 by sqrt(abar)
        assert torch.allclose(p.x0, x0[i], atol=1e-5 / max(abar, 1e-4) ** 0.5)
        assert torch.allclose(p.eps, noise[i], atol=1e-5 / (1 - abar) ** 0.5)


def test_the_default_asks_what_it_always_asked_bit_for_bit():
    objective = Objective.of(BASE, CPU)
    x0, noise = torch.randn(2, 6, 3, 4, 4)
    times = torch.tensor([0, 10, 300, 700, 998, 999])
    a = Schedule.cosine(1000, zero_terminal_snr=True).abar.float()[times].view(-1, 1, 1, 1)
    x, target = objective.noised(x0, noise, times)
    seen, told = objective.asked(x, times)
    assert seen is x
    assert torch.equal(x, a.sqrt() * x0 + (1 - a).sqrt() * noise)
    assert torch.equal(target, a.sqrt() * noise - (1 - a).sqrt() * x0)
    assert torch.equal(told, times)


def test_a_flow_is_asked_about_its_straight_path():
    objective = Objective.of(CHOICES["flow"], CPU)
    x0, noise = torch.randn(2, 3, 3, 4, 4)
    times = torch.tensor([0, 499, 999])
    x, target = objective.noised(x0, noise, times)
    x, told = objective.asked(x, times)
    tau = torch.tensor([0.001, 0.5, 1.0])
    assert torch.allclose(told, 1000 * tau, atol=1e-3)
    path = (1 - tau).view(-1, 1, 1, 1) * x0 + tau.view(-1, 1, 1, 1) * noise
    assert torch.allclose(x, path, atol=1e-5)
    assert torch.equal(target, noise - x0)


@pytest.mark.parametrize("name", CHOICES)
def test_what_is_written_beside_the_weights_is_what_was_trained(name):
    config = CHOICES[name]
    read = sampling_from(scheduler_config(config))
    assert torch.allclose(read.schedule.abar, schedule_of(config).abar, atol=1e-12)
    assert read.schedule.final_abar == schedule_of(config).final_abar == 1
    assert read.parametrisation == KINDS[config.prediction]
    assert read.schedule.abar[-1] == 0
    assert read.times(4) == [999, 749, 499, 249, -1]


def test_the_defaults_file_is_that_of_the_embedded_model():
    assert dict(scheduler_config(BASE)) == dict(MINI_SCHEDULER)


@pytest.mark.parametrize("name", [n for n in CHOICES if "flow" not in n])
def test_diffusers_reads_the_same_schedule(name):
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    theirs = DDIMScheduler.from_config(dict(scheduler_config(CHOICES[name])))
    # float32 products of a thousand factors
    assert torch.allclose(theirs.alphas_cumprod.double(), schedule_of(CHOICES[name]).abar, atol=1e-4)


@pytest.mark.parametrize("name", ["v", "eps", "x0", "flow"])
def test_min_snr_weighs_the_error_of_the_clean_latent_alike_for_all(name):
    """The same wrong belief about x0 costs min(snr, gamma) |error|^2, whatever is predicted."""
    config = replace(CHOICES[name], weighting="min_snr")
    kind = KINDS[config.prediction]
    x0, noise, wrong = torch.randn(3, 1, 3, 4, 4, dtype=torch.float64)
    for abar in (0.02, 0.4, 0.7, 0.98):
        a = torch.tensor(abar, dtype=torch.float64)
        x = a.sqrt() * x0 + (1 - a).sqrt() * noise
        believed = x0 + wrong
        implied = (x - a.sqrt() * believed) / (1 - a).sqrt()
        told = {
            "v": a.sqrt() * implied - (1 - a).sqrt() * believed,
            "eps": implied,
            "x0": believed,
            "flow": implied - believed,
        }[name]
        told_right = to_prediction(told, x, abar, kind).x0
        assert torch.allclose(told_right, believed, atol=1e-9)
        right = {
            "v": a.sqrt() * noise - (1 - a).sqrt() * x0,
            "eps": noise,
            "x0": x0,
            "flow": noise - x0,
        }[name]
        cost = loss_weight(a, config) * (told - right).square().mean()
        snr = a / (1 - a)
        assert float(cost) == pytest.approx(float(snr.clamp(max=5.0) * wrong.square().mean()), rel=1e-6)


@pytest.mark.parametrize("name", ["v", "eps", "x0", "flow"])
def test_weights_are_finite_on_the_whole_schedule(name):
    config = CHOICES[name]
    abar = schedule_of(config).abar
    assert torch.isfinite(loss_weight(abar, replace(config, weighting="min_snr"))).all()
    assert torch.equal(loss_weight(abar, config), torch.ones_like(abar))


def test_logit_normal_times_are_those_of_the_paper():
    config = replace(BASE, times="logit_normal", logit_mean=0.5, logit_scale=0.8, high_noise=0.0)
    times = draw_times(config, 40_000, torch.Generator().manual_seed(0))
    logits = torch.logit((times.double() + 0.5) / 1000)
    # 40,000 samples: means within 3 standard errors, 0.012, and a little for the steps' width
    assert float(logits.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(logits.std()) == pytest.approx(0.8, abs=0.02)
    assert times.min() >= 0
    assert times.max() <= 999
    extreme = replace(config, logit_mean=100.0)
    assert draw_times(extreme, 4, torch.Generator().manual_seed(0)).tolist() == [999] * 4


def test_logit_normal_times_leave_their_share_to_the_noisy_end():
    config = replace(BASE, times="logit_normal", logit_mean=-20.0, high_noise=0.3, high_noise_from=0.9)
    times = draw_times(config, 20_000, torch.Generator().manual_seed(0))
    assert float((times >= 900).float().mean()) == pytest.approx(0.3, abs=0.015)
    assert float((times == 0).float().mean()) == pytest.approx(0.7, abs=0.015)


def test_a_smaller_picture_is_asked_at_times_of_less_noise_per_pixel():
    schedule = schedule_of(BASE)
    table = times_of_smaller(schedule, 0.5)
    assert table[-1] == 999
    assert (table.diff() >= 0).all()
    for t in (300, 600, 900):
        wanted = 4 * float(schedule.abar[t] / (1 - schedule.abar[t]))
        got = float(schedule.abar[table[t]] / (1 - schedule.abar[table[t]]))
        # the next step of a thousand
        assert got == pytest.approx(wanted, rel=0.03)
    assert torch.equal(times_of_smaller(schedule, 1.0), torch.arange(1000))
