"""KID: the unbiased squared maximum mean discrepancy with the kernel (x'y / D + 1)^3.

Source: Binkowski et al., "Demystifying MMD GANs" (2018). It may come out below zero. Two forms: the
mean over random subsets, as published numbers have it, and the estimator over all images.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.moments import check_features


@dataclass(frozen=True)
class KernelDistance:
    """`value` and `std` over subsets; `subsets` of `size` images drawn with `seed`."""

    value: float
    std: float
    subsets: int
    size: int
    seed: int


def polynomial_kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x'y / D + 1)^3 for all pairs of rows."""
    return (x @ y.mT / x.shape[-1] + 1) ** 3


def kernel_distance(
    real: Tensor, fake: Tensor, *, subsets: int = 100, size: int = 1000, seed: int = 0
) -> KernelDistance:
    """KID over random subsets without replacement; a smaller set than `size` lowers it for both.

    Raises:
        InputError: fewer than two images on a side, other dimensions, fewer than one subset.
    """
    x, y = _sides(real, fake)
    size = min(size, len(x), len(y))
    if subsets < 1 or size < 2:
        raise InputError(f"`subsets` and `size` must be at least 1 and 2, got {subsets} and {size}")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        mine, other = (torch.from_numpy(rng.choice(len(s), size, replace=False)).to(s.device) for s in (x, y))
        values.append(_unbiased(x[mine], y[other]))
    found = torch.tensor(values, dtype=torch.float64)
    return KernelDistance(float(found.mean()), float(found.std(correction=0)), subsets, size, seed)


@dataclass(frozen=True, eq=False)
class KernelRows:
    """KID over all images as a mean of parts: one for each real (N,) and each fake image (M,).

    `value` is the mean of `real` plus the mean of `fake`. The parts are the first-order terms of the
    estimator: their spread gives its error, and resampling them its interval.
    """

    value: float
    real: Tensor
    fake: Tensor


def kernel_distance_full(real: Tensor, fake: Tensor, chunk: int = 1024) -> KernelRows:
    """The unbiased estimator over all pairs, in tiles of `chunk` rows.

    Raises:
        InputError: fewer than two images on a side, or other dimensions.
    """
    x, y = _sides(real, fake)
    within = [_row_means(s, s, chunk, own=True) for s in (x, y)]
    across = [_row_means(x, y, chunk), _row_means(y, x, chunk)]
    # each cross pair is counted once from each side: half of twice its mean
    sides = [w - a for w, a in zip(within, across, strict=True)]
    # an image is in two places of each pair mean, so its part moves the value twice as far
    parts = [2 * side - side.mean() for side in sides]
    return KernelRows(float(parts[0].mean() + parts[1].mean()), parts[0], parts[1])


@dataclass
class Kernel:
    """Accumulator of `kernel_distance`; holds the features, in the number format they come in."""

    subsets: int = 100
    size: int = 1000
    seed: int = 0
    real: list[Tensor] = field(default_factory=list)
    fake: list[Tensor] = field(default_factory=list)

    def update(self, features: Tensor, real: bool) -> None:
        """Add features (N, D) of real or of generated images."""
        check_features("real" if real else "fake", features)
        (self.real if real else self.fake).append(features.detach())

    def merge(self, other: Kernel) -> None:
        """Add what another accumulator of the same settings has seen."""
        if (other.subsets, other.size, other.seed) != (self.subsets, self.size, self.seed):
            raise InputError("`subsets`, `size` and `seed` must be the same to merge, got others")
        self.real.extend(other.real)
        self.fake.extend(other.fake)

    def compute(self) -> KernelDistance:
        """KID over subsets; at least two images on each side."""
        if not self.real or not self.fake:
            raise InputError("`images` must be at least 2 on each side before compute, got none on one")
        return kernel_distance(
            torch.cat(self.real), torch.cat(self.fake), subsets=self.subsets, size=self.size, seed=self.seed
        )


def _sides(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    x, y = check_features("real", real, 2), check_features("fake", fake, 2)
    if x.shape[1] != y.shape[1]:
        raise InputError(f"`fake` must have {x.shape[1]} dimensions as `real`, got {y.shape[1]}")
    return x, y


def _unbiased(x: Tensor, y: Tensor) -> float:
    n = len(x)
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    for side in (x, y):
        kernel = polynomial_kernel(side, side)
        total += (kernel.sum() - kernel.trace()) / (n * (n - 1))
    return float(total - 2 * polynomial_kernel(x, y).mean())


def _row_means(x: Tensor, y: Tensor, chunk: int, own: bool = False) -> Tensor:
    """Mean kernel of each row of x with the rows of y; with `own` a row does not meet itself."""
    found = []
    for start in range(0, len(x), chunk):
        rows = x[start : start + chunk]
        sums = polynomial_kernel(rows, y).sum(1)
        if own:
            sums -= (rows.square().sum(1) / x.shape[1] + 1) ** 3
        found.append(sums / (len(y) - own))
    return torch.cat(found)
