"""Confidence intervals by resampling images: of a mean, of a paired difference, of any statistic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palitra.errors import InputError


@dataclass(frozen=True)
class Interval:
    """`low` to `high` with `level`, from `resamples`."""

    low: float
    high: float
    level: float
    resamples: int

    def __str__(self) -> str:
        return f"[{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class Difference:
    """Mean of first - second over the same items, its interval, and a two-sided p-value."""

    value: float
    interval: Interval
    p_value: float


def bootstrap_means(
    *groups: Tensor, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[float, Interval]:
    """Sum of the groups' means with its percentile interval; each group (N,) is resampled on its own.

    Raises:
        InputError: an empty group, values that are not finite, settings out of bounds.
    """
    rng = _generator(seed, resamples, level)
    total, drawn = 0.0, np.zeros(resamples)
    for group in groups:
        values = _values(group)
        total += float(values.mean())
        drawn += _resampled_means(values, rng, resamples)
    return total, _percentiles(drawn, level)


def paired_difference(
    first: Tensor, second: Tensor, *, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> Difference:
    """Compare two scores (N,) of the same items; the p-value is at least 1 / (resamples + 1).

    Raises:
        InputError: different lengths, or as `bootstrap_means`.
    """
    if first.shape != second.shape:
        raise InputError(f"`second` must have {len(first)} values as `first`, got {len(second)}")
    rng = _generator(seed, resamples, level)
    values = _values(first) - _values(second)
    drawn = _resampled_means(values, rng, resamples)
    one_side = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p_value = min(1.0, 2 * (float(one_side) + 1) / (resamples + 1))
    return Difference(float(values.mean()), _percentiles(drawn, level), p_value)


def bootstrap_statistic(
    statistic: Callable[..., float],
    *sizes: int,
    seed: int = 0,
    resamples: int = 100,
    level: float = 0.95,
    tick: Callable[[], None] = lambda: None,
) -> Interval:
    """Interval of a statistic of whole sets, about its value at this number of images.

    `statistic` takes one vector of weights (N,) per set: how often each image was drawn. Distances such
    as FID grow when images repeat, so the resampled values are moved to have the statistic's own value
    as their mean: the interval tells the spread, not the bias of a finite sample.

    Raises:
        InputError: settings out of bounds.
    """
    rng = _generator(seed, resamples, level)
    value = statistic(*(torch.ones(n, dtype=torch.float64) for n in sizes))
    drawn = np.empty(resamples)
    for i in range(resamples):
        counts = [np.bincount(rng.integers(0, n, n), minlength=n) for n in sizes]
        drawn[i] = statistic(*(torch.from_numpy(c).double() for c in counts))
        tick()
    return _percentiles(drawn - drawn.mean() + value, level)


def _generator(seed: int, resamples: int, level: float) -> np.random.Generator:
    if resamples < 1 or not 0 < level < 1:
        raise InputError(
            f"`resamples` must be at least 1 and `level` inside (0, 1), got {resamples} and {level:g}"
        )
    return np.random.default_rng(seed)


def _values(group: Tensor) -> NDArray[np.float64]:
    values = group.detach().double().cpu().numpy()
    if values.ndim != 1 or not len(values):
        raise InputError(f"`values` must be (N,) with at least 1 value, got the shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("`values` must be finite, got NaN or infinity")
    return values


def _resampled_means(
    values: NDArray[np.float64], rng: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    n = len(values)
    return np.array([values[rng.integers(0, n, n)].mean() for _ in range(resamples)])


def _percentiles(drawn: NDArray[np.float64], level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, len(drawn))
