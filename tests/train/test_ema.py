import pytest
import torch

from palitra.train.ema import EMA


def tensors(*shapes):
    return [torch.nn.Parameter(torch.randn(s)) for s in shapes]


def test_swapping_twice_restores_both():
    weights = tensors((3, 4), (2,))
    ema = EMA(tensors((3, 4), (2,)), 0.9)
    before = [w.detach().clone() for w in weights], [a.clone() for a in ema.averages]
    ema.swap(weights)
    assert all(torch.equal(w, a) for w, a in zip(weights, before[1], strict=True))
    assert all(torch.equal(a, w) for a, w in zip(ema.averages, before[0], strict=True))
    ema.swap(weights)
    assert all(torch.equal(w, b) for w, b in zip(weights, before[0], strict=True))
    assert all(torch.equal(a, b) for a, b in zip(ema.averages, before[1], strict=True))


def test_it_starts_at_the_weights_and_shares_no_memory():
    weights = tensors((3,))
    ema = EMA(weights, 0.9)
    with torch.no_grad():
        weights[0].add_(1)
    assert torch.allclose(ema.averages[0] + 1, weights[0])


@pytest.mark.parametrize(("step", "decay"), [(0, 0.1), (5, 6 / 15), (10_000, 0.99)])
def test_the_decay_ramps_up(step, decay):
    weights = tensors((4,))
    ema = EMA(tensors((4,)), 0.99)
    expected = decay * ema.averages[0] + (1 - decay) * weights[0].detach()
    ema.update(weights, step)
    assert torch.allclose(ema.averages[0], expected, atol=1e-6)


def test_constant_weights_are_their_own_average():
    weights = tensors((4,))
    ema = EMA(weights, 0.999)
    for step in range(50):
        ema.update(weights, step)
    assert torch.allclose(ema.averages[0], weights[0])


def test_averages_of_bf16_weights_are_float32():
    weights = [torch.ones(3, dtype=torch.bfloat16)]
    ema = EMA(weights, 0.999)
    ema.update([torch.full((3,), 2.0, dtype=torch.bfloat16)], 10_000)
    assert ema.averages[0].dtype == torch.float32
    # a thousandth would be lost in bf16
    assert ema.averages[0][0] == pytest.approx(1.001, abs=1e-6)


def test_no_graph_is_kept():
    weights = tensors((4,))
    ema = EMA([w * 2 for w in weights], 0.9)
    ema.update([w * 2 for w in weights], 3)
    assert not ema.averages[0].requires_grad
