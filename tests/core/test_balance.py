import pytest
import torch

from palitra.core.balance import clipped_ratio, norms, step_ratio, unit


def batch(*scales):
    return torch.stack([torch.randn(4, 8, 8) * s for s in scales])


def test_norms_are_per_sample():
    x = batch(1, 10, 100)
    assert norms(x).shape == (3, 1, 1, 1)
    assert torch.allclose(norms(x)[1, 0, 0, 0], x[1].norm(), rtol=1e-6)


def test_step_ratio_is_beta_steps_long_in_every_sample():
    gradient, shift = batch(1e-6, 3, 1e4), batch(0.1, 1, 7)
    moved = step_ratio(gradient, shift, 1.6)
    assert torch.allclose(norms(moved), 1.6 * norms(shift), rtol=1e-5)
    downhill = (moved * gradient).flatten(1).sum(1)
    assert (downhill < 0).all()


def test_step_ratio_of_a_batch_is_that_of_its_samples():
    gradient, shift = batch(1, 2), batch(3, 4)
    alone = [step_ratio(g[None], s[None], 0.8) for g, s in zip(gradient, shift, strict=True)]
    assert torch.equal(step_ratio(gradient, shift, 0.8), torch.cat(alone))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0])
def test_a_vanishing_or_broken_gradient_becomes_exactly_0_and_harms_nobody(bad):
    gradient = batch(1, 1)
    if bad == 0:
        gradient[0] = 0
    else:
        gradient[0, 0, 0, 0] = bad
    made = unit(gradient)
    assert torch.equal(made[0], torch.zeros(4, 8, 8))
    assert norms(made)[1, 0, 0, 0] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(("scale", "expected"), [(1e-3, 0.33), (1.5, 1.5), (40.0, 3.0)])
def test_clipped_ratio_holds_the_ratio_within_its_bounds(scale, expected):
    reference = batch(2.0)
    gradient = torch.randn_like(reference)
    gradient = gradient / norms(gradient) * norms(reference) * scale
    made = clipped_ratio(gradient, reference, 0.33, 3.0)
    assert norms(made)[0, 0, 0, 0] == pytest.approx(expected * float(reference.norm()), rel=1e-5)
    assert torch.allclose(unit(made), unit(gradient), atol=1e-6)


def test_clipped_ratio_without_reference_is_0():
    gradient = batch(1.0)
    assert clipped_ratio(gradient, torch.zeros_like(gradient), 0.33, 3.0).abs().max() == 0
