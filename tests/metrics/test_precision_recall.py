"""Balls by brute force, identities, tiles, bad input."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from palitra.errors import InputError
from palitra.metrics.precision_recall import Manifold, manifold_score


def features(n: int, seed: int, shift: float = 0.0, d: int = 4) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def by_brute_force(x: np.ndarray, y: np.ndarray, k: int) -> dict[str, float]:
    own = {side: np.sort(cdist(v, v), 1)[:, k] for side, v in (("x", x), ("y", y))}
    apart = cdist(x, y)
    inside = apart < own["x"][:, None]
    return {
        "precision": inside.any(0).mean(),
        "recall": (apart < own["y"][None]).any(1).mean(),
        "density": inside.sum(0).mean() / k,
        "coverage": (apart.min(1) < own["x"]).mean(),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("closed", [True, False])
def test_equals_brute_force(k, closed):
    x, y = features(70, 0), features(55, 1, 0.5)
    found = manifold_score(x, y, k=k, closed=closed, chunk=16)
    expected = by_brute_force(x.double().numpy(), y.double().numpy(), k)
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected)


def test_the_same_set_is_wholly_inside():
    x = features(40, 0)
    found = manifold_score(x, x)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    far = manifold_score(x, x + 100)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_exchange_swaps_precision_and_recall():
    x, y = features(40, 0), features(30, 1, 0.3)
    one, other = manifold_score(x, y), manifold_score(y, x)
    assert (one.precision, one.recall) == (other.recall, other.precision)


def test_fewer_modes_keep_precision_and_lose_recall():
    x = torch.cat([features(50, 0), features(50, 1, 20)])
    found = manifold_score(x, features(50, 2))
    assert found.precision > 0.8
    assert found.recall < 0.6


def test_merge_equals_one_accumulator():
    x, y = features(40, 0), features(30, 1, 0.3)
    one, other = Manifold(), Manifold()
    one.update(x, real=True)
    one.update(y[:10], real=False)
    other.update(y[10:], real=False)
    one.merge(other)
    assert one.compute().density == manifold_score(x, y).density


def test_bad_input_is_named():
    x = features(9, 0)
    with pytest.raises(InputError, match="`fake` must have at least 4 images, got 3"):
        manifold_score(x, x[:3])
    with pytest.raises(InputError, match="4 dimensions"):
        manifold_score(x, x[:, :2])
    with pytest.raises(InputError, match="more than k = 3"):
        Manifold().compute()
    with pytest.raises(InputError, match="to merge"):
        Manifold(3).merge(Manifold(5))
