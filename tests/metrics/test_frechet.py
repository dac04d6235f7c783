"""FID algebra: closed forms, scipy's matrix root, below full rank, streaming, bad input."""

import numpy as np
import pytest
import scipy.linalg
import torch

from palitra.errors import InputError
from palitra.metrics.frechet import (
    Frechet,
    Gaussian,
    frechet_distance,
    frechet_from_features,
    frechet_per_class,
)
from palitra.metrics.moments import Moments


def features(n: int, d: int, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=g, dtype=torch.float64)
    return torch.randn(n, d, generator=g, dtype=torch.float64) @ mix + shift


def by_sqrtm(x: torch.Tensor, y: torch.Tensor) -> float:
    a, b = np.cov(x.numpy(), rowvar=False), np.cov(y.numpy(), rowvar=False)
    root = scipy.linalg.sqrtm(a @ b)
    apart = x.numpy().mean(0) - y.numpy().mean(0)
    return float(apart @ apart + np.trace(a + b - 2 * np.real(root)))


def by_eigh(x: torch.Tensor, y: torch.Tensor) -> float:
    """The symmetric form, which stays exact below full rank."""
    a, b = np.cov(x.numpy(), rowvar=False), np.cov(y.numpy(), rowvar=False)
    values, vectors = np.linalg.eigh(a)
    half = vectors * np.sqrt(values.clip(0)) @ vectors.T
    roots = np.sqrt(np.linalg.eigvalsh(half @ b @ half).clip(0)).sum()
    return float(((x.numpy().mean(0) - y.numpy().mean(0)) ** 2).sum() + np.trace(a + b) - 2 * roots)


def test_normal_distributions_in_closed_form():
    # commuting covariances: |d|^2 + sum (s1 - s2)^2
    mean = torch.tensor([1.0, -2, 0.5], dtype=torch.float64)
    one, two = (torch.tensor(s, dtype=torch.float64) for s in ([1.0, 2, 3], [2.0, 0.5, 3]))
    real = Gaussian(100, torch.zeros(3, dtype=torch.float64), torch.diag(one**2))
    fake = Gaussian(100, mean, torch.diag(two**2))
    found = frechet_distance(real, fake)
    assert found.value == pytest.approx(float(mean.square().sum() + (one - two).square().sum()), rel=1e-12)
    assert (found.method, found.rank) == ("cholesky", 3)


def test_a_set_is_no_distance_from_itself():
    for n in (200, 20):
        x = features(n, 40)
        assert frechet_from_features(x, x).value == pytest.approx(0, abs=1e-6)


def test_full_rank_equals_sqrtm():
    x, y = features(300, 40), features(250, 40, 1, 0.3)
    assert frechet_from_features(x, y).value == pytest.approx(by_sqrtm(x, y), rel=1e-8)


@pytest.mark.parametrize(
    ("n", "m", "method"), [(20, 15, "nuclear"), (300, 15, "factor"), (15, 300, "factor")]
)
def test_below_full_rank_equals_the_symmetric_form(n, m, method):
    x, y = features(n, 40), features(m, 40, 1, 0.3)
    found = frechet_from_features(x, y)
    assert found.method == method
    assert found.rank == min(n, m) - 1
    assert found.value == pytest.approx(by_eigh(x, y), rel=1e-6)


def test_blocks_that_do_not_fit_the_dimensions():
    for d in (2, 15, 17, 33):
        x, y = features(80, d), features(90, d, 1, 0.3)
        assert frechet_from_features(x, y).value == pytest.approx(by_eigh(x, y), rel=1e-8)


def test_dead_dimensions_do_not_matter():
    x, y = features(300, 10), features(300, 10, 1, 0.3)
    wide = [torch.cat([v, torch.zeros(300, 4, dtype=torch.float64)], 1) for v in (x, y)]
    assert frechet_from_features(*wide).value == pytest.approx(by_sqrtm(x, y), rel=1e-8)


@pytest.mark.parametrize("n", [300, 30])
def test_streams_equal_whole_sets(n):
    x, y = features(n, 40), features(200, 40, 1, 0.3)
    parts = [Frechet(), Frechet()]
    for i, piece in enumerate(x.split(37)):
        parts[i % 2].update(piece, real=True)
    for i, piece in enumerate(y.split(41)):
        parts[i % 2].update(piece, real=False)
    parts[0].merge(parts[1])
    assert parts[0].compute().value == pytest.approx(frechet_from_features(x, y).value, rel=1e-7)


def test_moments_survive_a_large_offset():
    x = features(200, 5) + 1e6
    moments = Moments()
    for piece in x.split(17):
        moments.update(piece)
    assert np.allclose(moments.covariance(), np.cov(x.numpy(), rowvar=False), rtol=1e-8)
    assert moments.count == 200


def test_classes():
    x, y = features(60, 12), features(60, 12, 1)
    labels = torch.arange(60) % 3
    found = frechet_per_class(x, labels, y, labels)
    assert sorted(found) == [0, 1, 2]
    assert found[1].value == pytest.approx(frechet_from_features(x[1::3], y[1::3]).value)


def test_bad_input_is_named():
    x = features(30, 6)
    with pytest.raises(InputError, match="`fake` must have at least 2 images, got 1"):
        frechet_from_features(x, x[:1])
    with pytest.raises(InputError, match="`fake` must have 6 dimensions as `real`, got 5"):
        frechet_from_features(x, x[:, :5])
    broken = x.clone()
    broken[4, 2] = torch.nan
    with pytest.raises(InputError, match="`real` must have finite features, got NaN or infinity for image 4"):
        frechet_from_features(broken, x)
    with pytest.raises(InputError, match="`images` must be at least 2 for a covariance, got 0"):
        Frechet().compute()
    with pytest.raises(InputError, match="features \\(N, D\\), got the shape \\(6,\\)"):
        Moments().update(x[0])
    with pytest.raises(InputError, match="at least 2 images of class 7 for its FID, got 1"):
        frechet_per_class(x[:1], torch.tensor([7]), x[:1], torch.tensor([7]))
    with pytest.raises(InputError, match="share a class"):
        frechet_per_class(x[:1], torch.tensor([7]), x[:1], torch.tensor([8]))
