import pytest
import torch
from torch import nn

from palitra.zoo.regularisers.feature_matching import feature_matching
from palitra.zoo.regularisers.historical_averaging import HistoricalAveraging
from palitra.zoo.regularisers.minibatch_discrimination import MinibatchDiscrimination
from palitra.zoo.regularisers.spectral_norm import apply_spectral_norm
from palitra.zoo.regularisers.virtual_batch_norm import VirtualBatchNorm


def test_spectral_norm_brings_the_largest_singular_value_to_1():
    layer = apply_spectral_norm(nn.Sequential(nn.Linear(12, 9)))
    for _ in range(200):
        layer(torch.randn(2, 12))
    assert torch.linalg.svdvals(layer[0].weight)[0].item() == pytest.approx(1, rel=1e-3)


def test_feature_matching_is_the_squared_distance_of_means():
    real, fake = torch.randn(6, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    loss = feature_matching(real, fake)
    assert loss.item() == pytest.approx((real.mean(0) - fake.mean(0)).norm().item() ** 2, rel=1e-5)
    loss.backward()
    assert real.grad is None
    assert fake.grad is not None


def test_minibatch_closeness_equals_the_sum_over_others():
    layer, x = MinibatchDiscrimination(6, kernels=4, width=3), torch.randn(70, 6)
    m = (x @ layer.tensor).view(70, 4, 3)
    expected = torch.zeros(70, 4)
    for i in range(70):
        for j in range(70):
            if i != j:
                expected[i] += torch.exp(-(m[i] - m[j]).abs().sum(1))
    torch.testing.assert_close(layer.closeness(x), expected, rtol=1e-4, atol=1e-4)
    assert layer(x).shape == (70, 10)


def test_a_sample_alone_is_close_to_nobody():
    closeness = MinibatchDiscrimination(6).closeness(torch.randn(1, 6))
    torch.testing.assert_close(closeness, torch.zeros(1, 50))


def test_historical_averaging_equals_brute_force():
    parameter = nn.Parameter(torch.randn(5))
    past = HistoricalAveraging([parameter])
    seen = [parameter.detach().clone()]
    for _ in range(4):
        with torch.no_grad():
            parameter.add_(torch.randn(5))
        past.update()
        seen.append(parameter.detach().clone())
    expected = (parameter - torch.stack(seen).mean(0)).square().sum()
    assert past.penalty().item() == pytest.approx(expected.item(), rel=1e-4)


def test_virtual_batch_norm_equals_batch_norm_of_references_and_itself():
    norm, x = VirtualBatchNorm(3, references=8), torch.randn(10, 3, 4, 4) * 2 + 1
    out = norm(x)
    together = torch.cat([x[:8], x[8:9]])
    expected = nn.BatchNorm2d(3).train()(together)[8]
    torch.testing.assert_close(out[8], expected, rtol=1e-4, atol=1e-4)


def test_virtual_batch_norm_keeps_samples_apart():
    norm, x = VirtualBatchNorm(3, references=4), torch.randn(7, 3, 4, 4)
    torch.testing.assert_close(norm(x)[4:5], norm(x[:5])[4:5])


def test_references_are_normalised_by_themselves():
    norm, x = VirtualBatchNorm(3, references=16), torch.randn(18, 3, 4, 4) * 3 + 2
    references = norm(x)[:16]
    torch.testing.assert_close(references.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(references.var((0, 2, 3), correction=0), torch.ones(3), atol=1e-3, rtol=0)
