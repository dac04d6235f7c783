import pytest
import torch

from palitra.core.parametrise import Prediction, target_of, to_prediction, velocity

KINDS = ("epsilon", "sample", "v_prediction", "flow_prediction")


def pair(abar):
    x0, eps = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64)
    return x0, eps, abar**0.5 * x0 + (1 - abar) ** 0.5 * eps


@pytest.mark.parametrize("abar", [0.001, 0.3, 0.999])
@pytest.mark.parametrize("kind", KINDS)
def test_any_output_tells_the_same_pair(kind, abar):
    x0, eps, x = pair(abar)
    v = abar**0.5 * eps - (1 - abar) ** 0.5 * x0
    output = {"epsilon": eps, "sample": x0, "v_prediction": v, "flow_prediction": eps - x0}[kind]
    assert torch.equal(target_of(x0, eps, torch.tensor(abar, dtype=torch.float64), kind), output)
    told = to_prediction(output, x, abar, kind)
    assert torch.allclose(told.x0, x0, atol=1e-12)
    assert torch.allclose(told.eps, eps, atol=1e-12)
    assert torch.allclose(velocity(told, abar), v, atol=1e-12)


@pytest.mark.parametrize("abar", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_explains_its_latent_also_at_both_ends(kind, abar):
    output, x = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64)
    p = to_prediction(output, x, abar, kind)
    assert torch.isfinite(p.x0).all()
    assert torch.isfinite(p.eps).all()
    ends = (kind == "epsilon" and abar == 0) or (kind == "sample" and abar == 1)
    if not ends:  # there the output says nothing about the latent
        assert torch.allclose(abar**0.5 * p.x0 + (1 - abar) ** 0.5 * p.eps, x, atol=1e-12)


def test_velocity_works_at_zero_snr_where_noise_does_not():
    x = torch.randn(1, 3, 4, 4)
    v = torch.randn_like(x)
    p = to_prediction(v, x, 0.0, "v_prediction")
    assert torch.equal(p.x0, -v)
    assert torch.equal(p.eps, x)
    assert torch.equal(to_prediction(v, x, 0.0, "epsilon").x0, torch.zeros_like(x))


def test_plus_eps_still_explains_the_same_latent():
    x0, eps, x = pair(0.4)
    delta = torch.randn_like(eps)
    moved = Prediction(x0, eps).plus_eps(delta, 0.4)
    assert torch.equal(moved.eps, eps + delta)
    assert torch.allclose(0.4**0.5 * moved.x0 + 0.6**0.5 * moved.eps, x, atol=1e-12)


def test_plus_eps_at_zero_snr_changes_nothing():
    x0, eps, _ = pair(0.0)
    p = Prediction(x0, eps)
    assert p.plus_eps(torch.ones_like(eps), 0.0) is p


@pytest.mark.parametrize("kind", KINDS)
def test_a_wide_latent_is_not_rounded(kind):
    """Exact inversions keep float64 latents around networks that answer in float32."""
    output, x = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64)
    narrow = to_prediction(output.float(), x, 0.3, kind)
    wide = to_prediction(output.float().double(), x, 0.3, kind)
    assert narrow.x0.dtype == narrow.eps.dtype == torch.float64
    assert torch.equal(narrow.x0, wide.x0)
    assert torch.equal(narrow.eps, wide.eps)
    assert to_prediction(output.float(), x.float(), 0.3, kind).eps.dtype == torch.float32


@pytest.mark.parametrize("tau", [0.0, 0.25, 0.9, 1.0])
def test_a_flow_is_read_in_the_variance_preserving_latent_as_in_its_own(tau):
    x0, _, _ = pair(0.5)
    y, u = torch.randn(2, *x0.shape, dtype=torch.float64)
    # its own reading: y = (1 - tau) x0 + tau eps, u = eps - x0
    clean, noise = y - tau * u, y + (1 - tau) * u
    r = ((1 - tau) ** 2 + tau**2) ** 0.5
    told = to_prediction(u, y / r, ((1 - tau) / r) ** 2, "flow_prediction")
    assert torch.allclose(told.x0, clean, atol=1e-12)
    assert torch.allclose(told.eps, noise, atol=1e-12)
