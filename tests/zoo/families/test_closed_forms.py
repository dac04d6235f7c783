import math
from itertools import pairwise

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from palitra.core.rng import Noise
from palitra.errors import InputError
from palitra.samplers.heun import Heun
from palitra.zoo.families import variational
from palitra.zoo.families.diffusion import Diffusion
from palitra.zoo.families.edm import coefficients, karras_schedule
from palitra.zoo.families.family import Drawing, rate
from palitra.zoo.families.gaussian_mixture import Mixture, fit_mixture
from palitra.zoo.families.make import make_family
from palitra.zoo.families.truncated import truncated
from palitra.zoo.models import preset


def test_kl_equals_that_of_normal_distributions():
    mean, log_variance = torch.randn(4, 3), torch.randn(4, 3)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(variational.kl_divergence(mean, log_variance), expected)


def test_gaussian_reconstruction_is_the_likelihood_at_the_best_scale():
    picture, mean = torch.rand(2, 5, 1, 4, 4)
    scale = (picture - mean).square().mean().sqrt()
    expected = -Normal(mean, scale).log_prob(picture).sum((1, 2, 3)).mean()
    found = variational.reconstruction("gaussian", picture, mean)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_edm_inputs_and_targets_have_unit_variance():
    generator = torch.Generator().manual_seed(0)
    for sigma in (0.01, 0.5, 20.0):
        clean = 0.5 * torch.randn(200_000, generator=generator)
        noise = torch.randn(200_000, generator=generator)
        c_skip, c_out, c_in, c_noise = coefficients(torch.tensor(sigma), 0.5)
        noisy = clean + sigma * noise
        assert (c_in * noisy).std().item() == pytest.approx(1, abs=0.01)
        assert ((clean - c_skip * noisy) / c_out).std().item() == pytest.approx(1, abs=0.01)
        assert c_noise.item() == pytest.approx(math.log(sigma) / 4)


def test_noise_levels_are_those_of_the_paper():
    schedule, n = karras_schedule(18), 18
    for i in (0, 5, 17):
        level = (80 ** (1 / 7) + i / (n - 1) * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
        assert schedule.sigma(n - 1 - i) == pytest.approx(level, rel=1e-6)
    assert schedule.times(18) == [*range(17, -1, -1), -1]


def test_core_heun_over_these_levels_is_the_papers_sampler():
    """Algorithm 1 written out, for a denoiser of data N(0, 0.25)."""
    from palitra.core.parametrise import Prediction

    schedule, x = karras_schedule(8), torch.randn(2, 1, 2, 2).double()

    def denoise(y, sigma):
        return y * 0.25 / (0.25 + sigma**2)

    def predict(x, t, index, count, stage=0):
        sigma = schedule.sigma(t)
        y = x * math.sqrt(1 + sigma**2)
        clean = denoise(y, sigma)
        return Prediction(clean, (y - clean) / sigma)

    state, times = x, schedule.times(8)
    y = x * math.sqrt(1 + schedule.sigma(7) ** 2)
    for i, (t, u) in enumerate(pairwise(times)):
        state = Heun(schedule).step(predict, state, t, u, i, 8)
        now, then = schedule.sigma(t), 0.0 if u < 0 else schedule.sigma(u)
        slope = (y - denoise(y, now)) / now
        ahead = y + (then - now) * slope
        if then > 0:
            ahead = y + (then - now) * 0.5 * (slope + (ahead - denoise(ahead, then)) / then)
        y = ahead
    torch.testing.assert_close(state, y, rtol=1e-6, atol=1e-8)


def test_guidance_0_is_the_conditional_model_and_draws_repeat():
    model = make_family(preset("cdm", "tiny"), (1, 8, 8), 2).eval()
    # layers start at 0 that carry the class to the picture
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    labels = torch.tensor([0, 1])
    with torch.no_grad():
        plain = model.draw(labels, Noise([1, 2]), Drawing(steps=3))
        assert torch.equal(plain, model.draw(labels, Noise([1, 2]), Drawing(guidance=0.0, steps=3)))
        assert not torch.equal(plain, model.draw(labels, Noise([1, 2]), Drawing(guidance=3.0, steps=3)))
    assert isinstance(model, Diffusion)


def test_the_default_sampler_is_named_and_others_differ_by_their_steps_alone():
    model = make_family(preset("cdm", "tiny"), (1, 8, 8), 2).eval()
    labels = torch.tensor([0, 1])

    def drawn(**options):
        with torch.no_grad():
            return model.draw(labels, Noise([1, 2]), Drawing(**options))

    assert torch.equal(drawn(), drawn(sampler="dpm++", steps=20))
    assert torch.equal(drawn(sampler="ddim"), drawn(sampler="ddim", steps=50))
    # a fresh network answers 0, so both walk along the same smooth path: more steps bring them together
    apart = [(drawn(steps=n) - drawn(sampler="ddim", steps=n)).abs().max() for n in (10, 100)]
    assert 0 < apart[1] < 0.2 * apart[0]


def test_guidance_of_a_model_without_classes_is_refused():
    model = make_family(preset("ddpm", "tiny"), (1, 8, 8), 2)
    with pytest.raises(InputError, match="`guidance` must be 0"):
        model.draw(None, Noise([1]), Drawing(guidance=1.0, steps=2))


def test_truncation_bounds_latents_and_keeps_their_order():
    z = torch.randn(1000)
    bounded = truncated(z, 0.5)
    assert bounded.abs().max() <= 0.5
    assert torch.equal(bounded.argsort(), z.argsort())
    assert torch.equal(truncated(z, None), z)
    torch.testing.assert_close(truncated(z, 8.0), z, atol=1e-5, rtol=1e-5)


def test_a_mixture_of_one_part_is_the_normal_of_the_points():
    x = torch.randn(400, 3, dtype=torch.float64) @ torch.randn(3, 3, dtype=torch.float64) + 2
    found = fit_mixture(x, 1, ridge=0)
    torch.testing.assert_close(found.means[0], x.mean(0))
    torch.testing.assert_close(found.factors[0] @ found.factors[0].t(), x.t().cov(correction=0))


def test_two_heaps_are_found_and_sampled():
    x = torch.cat([torch.randn(300, 2) * 0.1 - 3, torch.randn(100, 2) * 0.1 + 3])
    found = fit_mixture(x, 2)
    assert sorted(found.weights.tolist()) == pytest.approx([0.25, 0.75], abs=0.01)
    placed = found.place(torch.rand(4000).double(), torch.randn(4000, 2).double())
    assert (placed[:, 0] > 0).double().mean().item() == pytest.approx(0.25, abs=0.03)


def test_log_density_of_a_mixture():
    mixture = Mixture(torch.tensor([1.0]), torch.zeros(1, 2), 2 * torch.eye(2)[None])
    x = torch.randn(5, 2)
    expected = Normal(0.0, 2.0).log_prob(x).sum(1)
    torch.testing.assert_close(mixture.log_terms(x)[:, 0], expected)


def test_rates_warm_up_and_fade():
    training = preset("cdm", "tiny", ["training.warmup=10", "training.decay_from=0.5"]).training
    assert rate(training, 0, 0.0) == pytest.approx(0.1)
    assert rate(training, 20, 0.4) == 1
    assert rate(training, 20, 0.75) == pytest.approx(0.5)
    assert rate(training, 20, 1.0) == 0
