"""Is one strategy better than another? Intervals over seeds, and a bootstrap over test pictures and seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from palitra.errors import InputError, check_range
from palitra.metrics.bootstrap import Difference, Interval

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def macro_f1(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean F1 of counts (..., K, K), true classes by row; a class neither there nor seen gives 0."""
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    both = confusion.sum(-1) + confusion.sum(-2)
    return np.mean(2 * hit / np.maximum(both, 1), -1)


def balanced_accuracy(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean recall of counts (..., K, K)."""
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    return np.mean(hit / np.maximum(confusion.sum(-1), 1), -1)


def recall_of(classes: Sequence[int]) -> Statistic:
    """Mean recall of some classes."""

    def statistic(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
        hit = np.diagonal(confusion, axis1=-2, axis2=-1)
        return np.mean((hit / np.maximum(confusion.sum(-1), 1))[..., list(classes)], -1)

    return statistic


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Mean over seeds and the half width of Student's interval (NaN for one seed)."""
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return float(x.mean()), float("nan")
    spread = float(x.std(ddof=1)) / len(x) ** 0.5
    return float(x.mean()), spread * float(stats.t.ppf((1 + level) / 2, len(x) - 1))


def paired_bootstrap(
    first: Tensor,
    second: Tensor,
    labels: Tensor,
    classes: int,
    statistic: Statistic = macro_f1,
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    tick: Callable[[], None] = lambda: None,
) -> Difference:
    """Statistic of `first` less that of `second`, mean over seeds, with a percentile interval.

    Each resample draws seeds and, within every class, test pictures with replacement, the same for both: a
    class of eight pictures never vanishes, and what both find hard cancels out.

    Args:
        first: predicted classes (S, M), a row per seed.
        second: the same of the other strategy, trained with the same seeds.
        labels: true classes (M,).
        classes: K.
        statistic: of confusion counts (..., K, K).
        resamples: at least 1.
        seed: of the resampling.
        level: inside (0, 1).
        tick: called after each resample.

    Raises:
        InputError: predictions of other shapes, or settings out of bounds.
    """
    if first.shape != second.shape or first.ndim != 2 or first.shape[1] != len(labels) or not len(first):
        raise InputError(
            f"`first` and `second` must be (seeds, {len(labels)}) with at least 1 seed, "
            f"got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    check_range("resamples", resamples, 1, 1_000_000)
    rng = np.random.default_rng(seed)
    truth = labels.numpy()
    cells = [truth * classes + side.numpy() for side in (first, second)]
    members = [np.flatnonzero(truth == k) for k in np.unique(truth)]
    ones, every = np.ones(len(truth)), list(range(len(first)))
    drawn = np.empty(resamples)
    value = _difference(cells, ones, every, classes, statistic)
    for i in range(resamples):
        picks = np.concatenate([rng.choice(rows, len(rows)) for rows in members])
        weights = np.bincount(picks, minlength=len(truth)).astype(np.float64)
        seeds = rng.integers(0, len(first), len(first)).tolist()
        drawn[i] = _difference(cells, weights, seeds, classes, statistic)
        tick()
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    one_side = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p_value = min(1.0, 2 * (one_side + 1) / (resamples + 1))
    return Difference(value, Interval(float(low), float(high), level, resamples), p_value)


def _difference(
    cells: Sequence[NDArray[np.int64]],
    weights: NDArray[np.float64],
    seeds: Sequence[int],
    classes: int,
    statistic: Statistic,
) -> float:
    found = []
    for side in cells:
        counts = np.stack([np.bincount(side[s], weights, classes * classes) for s in seeds])
        found.append(float(statistic(counts.reshape(-1, classes, classes).astype(np.float64)).mean()))
    return found[0] - found[1]
