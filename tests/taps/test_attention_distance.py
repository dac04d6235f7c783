import pytest
import torch

from palitra.core.attention import Attention
from palitra.taps import attention_distance
from palitra.taps.attention_distance import attention_and_distance, attention_and_explicit_distance


def parts(dtype=torch.float32, batch=2, heads=3, length=20, other=None, width=5):
    g = torch.Generator().manual_seed(0)

    def make(n):
        return torch.randn(batch, heads, n, width, generator=g, dtype=torch.float64).to(dtype)

    q, k, v = make(length), make(other or length), make(other or length)
    references = make(length), make(other or length)
    return [x.requires_grad_() for x in (q, k, v)], references


def gradients(function, inputs, references, weights, pull):
    attention = Attention(*inputs, scale=0.4)
    out, distance = function(attention, *references)
    return torch.autograd.grad((out * pull).sum() + (weights * distance).sum(), inputs), out


@pytest.mark.parametrize("chunk", [1, 300, 2**22])
@pytest.mark.parametrize("other", [None, 7])
def test_streamed_gradients_are_autograds(monkeypatch, chunk, other):
    monkeypatch.setattr(attention_distance, "CHUNK", chunk)
    inputs, references = parts(torch.float64, other=other)
    weights, pull = (
        torch.tensor([3e3, -2.0], dtype=torch.float64),
        torch.randn(2, 3, 20, 5, dtype=torch.float64),
    )
    expected, plain = gradients(attention_and_explicit_distance, inputs, references, weights, pull)
    made, out = gradients(attention_and_distance, inputs, references, weights, pull)
    assert torch.allclose(out, plain, atol=1e-12)
    for a, b in zip(made, expected, strict=True):
        # the weights of the distance pass float32 in both
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_streamed_gradients_are_autograds_in_float32():
    inputs, references = parts()
    weights, pull = torch.tensor([3e3, 1.0]), torch.randn(2, 3, 20, 5)
    expected, _ = gradients(attention_and_explicit_distance, inputs, references, weights, pull)
    made, _ = gradients(attention_and_distance, inputs, references, weights, pull)
    for a, b in zip(made, expected, strict=True):
        assert float((a - b).abs().max() / b.abs().max()) < 1e-6


def test_samples_do_not_meet():
    inputs, references = parts()
    pull = torch.zeros(2, 3, 20, 5)
    first, _ = gradients(attention_and_distance, inputs, references, torch.tensor([1.0, 0.0]), pull)
    assert all(float(g[1].abs().max()) == 0 and float(g[0].abs().max()) > 0 for g in first[:2])


def test_equal_maps_pull_nowhere():
    inputs, _ = parts()
    q, k, _ = (x.detach() for x in inputs)
    made, _ = gradients(attention_and_distance, inputs, (q, k), torch.ones(2), torch.zeros(2, 3, 20, 5))
    assert all(float(g.abs().max()) == 0 for g in made)


def test_half_precision_points_the_same_way():
    wide, references = parts(torch.float32, length=40)
    narrow = [x.detach().to(torch.bfloat16).requires_grad_() for x in wide]
    weights, pull = torch.full((2,), 1e3), torch.zeros(2, 3, 40, 5)
    expected, _ = gradients(attention_and_distance, wide, references, weights, pull)
    halves = [r.to(torch.bfloat16) for r in references]
    made, _ = gradients(attention_and_distance, narrow, halves, weights, pull.to(torch.bfloat16))
    for a, b in zip(made[:2], expected[:2], strict=True):
        # eight bits of mantissa
        assert torch.nn.functional.cosine_similarity(a.float().flatten(), b.flatten(), dim=0) > 0.99
