import pytest
import torch
from torch import nn

from palitra.zoo.regularisers.gradient_penalty import gradient_penalty
from palitra.zoo.regularisers.zero_centred import zero_centred_penalty


def smooth_critic():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 1), nn.Flatten(0)).double()


def numerical_gradients(critic, x, step=1e-5):
    flat = x.flatten(1)
    columns = []
    for i in range(flat.shape[1]):
        shift = torch.zeros_like(flat)
        shift[:, i] = step
        ahead, behind = critic((flat + shift).view_as(x)), critic((flat - shift).view_as(x))
        columns.append((ahead - behind) / (2 * step))
    return torch.stack(columns, 1).detach()


def test_penalty_of_a_linear_score_is_half_its_squared_weight():
    weight = torch.randn(12)
    x = torch.randn(5, 3, 2, 2, requires_grad=True)
    penalty = zero_centred_penalty(x.flatten(1) @ weight, x)
    assert penalty.item() == pytest.approx(0.5 * weight.square().sum().item(), rel=1e-5)


def test_zero_centred_penalty_equals_finite_differences():
    critic, x = smooth_critic(), torch.randn(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    expected = 0.5 * numerical_gradients(critic, x.detach()).square().sum(1).mean()
    assert zero_centred_penalty(critic(x), x).item() == pytest.approx(expected.item(), rel=1e-5)


def test_wgan_gp_equals_finite_differences():
    critic = smooth_critic()
    real, fake = torch.randn(2, 4, 3, 2, 2, dtype=torch.float64)
    share = torch.rand(4, 1, 1, 1, dtype=torch.float64)
    slopes = numerical_gradients(critic, share * real + (1 - share) * fake).norm(dim=1)
    expected = (slopes - 1).square().mean()
    assert gradient_penalty(critic, real, fake, share).item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_unit_slope_is_not_penalised():
    weight = torch.randn(12)
    weight /= weight.norm()
    penalty = gradient_penalty(
        lambda x: x.flatten(1) @ weight,
        torch.randn(3, 3, 2, 2),
        torch.randn(3, 3, 2, 2),
        torch.rand(3, 1, 1, 1),
    )
    assert penalty.item() == pytest.approx(0, abs=1e-6)


def test_penalties_can_be_learned_from():
    critic, x = smooth_critic(), torch.randn(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    zero_centred_penalty(critic(x), x).backward()
    assert all(p.grad is not None for p in critic[1].parameters() if p.ndim == 2)


def test_a_flat_critic_has_finite_gradients():
    critic = smooth_critic()
    nn.init.zeros_(critic[3].weight)
    penalty = gradient_penalty(critic, *torch.randn(2, 4, 3, 2, 2).double(), torch.rand(4, 1, 1, 1).double())
    penalty.backward()
    assert critic[3].weight.grad.isfinite().all()
