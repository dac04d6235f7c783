"""KID: a double loop as reference, unbiased under the null, tiles, subsets, bad input."""

import numpy as np
import pytest
import torch

from palitra.errors import InputError
from palitra.metrics.kernel import Kernel, kernel_distance, kernel_distance_full


def features(n: int, seed: int, shift: float = 0.0, d: int = 8) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double() + shift


def by_loops(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    def mean(a, b, own):
        return np.mean([kernel(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if not own or i != j])

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


def test_equals_the_definition():
    x, y = features(15, 0), features(11, 1, 0.4)
    expected = by_loops(x.numpy(), y.numpy())
    assert kernel_distance_full(x, y, chunk=4).value == pytest.approx(expected, rel=1e-12)
    whole = kernel_distance(x[:11], y, subsets=2, size=11)
    assert whole.value == pytest.approx(by_loops(x[:11].numpy(), y.numpy()), rel=1e-12)
    assert whole.std == pytest.approx(0, abs=1e-12)


def test_is_zero_on_average_where_nothing_differs():
    values = [kernel_distance_full(features(30, s), features(30, 1000 + s)).value for s in range(200)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 200**0.5
    assert min(values) < 0


def test_parts_tell_the_spread():
    errors, seen = [], []
    for s in range(60):
        rows = kernel_distance_full(features(60, s), features(60, 1000 + s, 0.5))
        seen.append(rows.value)
        errors.append((float(rows.real.var()) / 60 + float(rows.fake.var()) / 60) ** 0.5)
    assert np.mean(errors) == pytest.approx(np.std(seen), rel=0.35)


def test_subsets_follow_the_seed_and_their_mean_is_the_whole():
    x, y = features(200, 0), features(200, 1, 0.4)
    one, again, other = (kernel_distance(x, y, subsets=40, size=50, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one.value != other.value
    assert one.value == pytest.approx(kernel_distance_full(x, y).value, abs=4 * one.std / 40**0.5)


def test_merge_equals_one_accumulator():
    x, y = features(20, 0), features(20, 1, 0.4)
    one, other = Kernel(5, 10), Kernel(5, 10)
    one.update(x[:12], real=True)
    one.update(y[:5], real=False)
    other.update(x[12:], real=True)
    other.update(y[5:], real=False)
    one.merge(other)
    assert one.compute() == kernel_distance(x, y, subsets=5, size=10)


def test_bad_input_is_named():
    x = features(9, 0)
    with pytest.raises(InputError, match="`real` must have at least 2 images, got 1"):
        kernel_distance(x[:1], x)
    with pytest.raises(InputError, match="`subsets` and `size` must be at least 1 and 2"):
        kernel_distance(x, x, subsets=0)
    with pytest.raises(InputError, match="8 dimensions"):
        kernel_distance_full(x, x[:, :3])
    with pytest.raises(InputError, match="at least 2 on each side"):
        Kernel().compute()
    with pytest.raises(InputError, match="to merge"):
        Kernel(5).merge(Kernel(6))
