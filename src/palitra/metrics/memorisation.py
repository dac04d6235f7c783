"""Is a generator copying? Fakes' distances to the training images against those of unseen real ones.

Two tests with the null hypothesis that a fake is as far from the training set as a real image which
the generator never saw. The share test counts fakes nearer than the r-th smallest of the m held-out
distances; under the null that count of n is exactly beta-binomial (n, r, m + 1 - r), so its p-value
needs no calibration. The rank test is the C_T statistic of Meehan, Chaudhuri and Dasgupta, "A
Non-Parametric Test to Detect Data-Copying" (2020): a standardised Mann-Whitney U, below zero where
fakes lie nearer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

import torch
from scipy import stats
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.moments import check_features
from palitra.metrics.precision_recall import distance_tiles


@dataclass(frozen=True, eq=False)
class Memorisation:
    """What the two tests found; `nearest` and `distance` (M,) say which training image each fake is near.

    `share` of the fakes lie nearer than `threshold`, where `expected` would; `p_value` is one-sided.
    """

    share: float
    expected: float
    threshold: float
    p_value: float
    rank_z: float
    rank_p_value: float
    nearest: Tensor
    distance: Tensor


def nearest_images(features: Tensor, train: Tensor, chunk: int = 1024) -> tuple[Tensor, Tensor]:
    """Index of and distance to the nearest training image, both (N,)."""
    x, y = check_features("features", features), check_features("train", train)
    if x.shape[1] != y.shape[1]:
        raise InputError(f"`train` must have {x.shape[1]} dimensions as `features`, got {y.shape[1]}")
    middle = y.mean(0)
    found = [tile.min(1) for _, tile in distance_tiles(x - middle, y - middle, chunk)]
    indices = torch.cat([f.indices for f in found])
    # tiles lose the small differences that matter here: once more, exactly
    return indices, (x - y[indices]).norm(dim=1)


def memorisation(train: Tensor, held_out: Tensor, fake: Tensor, *, alpha: float = 0.01) -> Memorisation:
    """Test fakes (M, D) for copies of `train` against real images `held_out` from training.

    Args:
        train: features of the images that the generator saw.
        held_out: features of real images of the same kind that it did not see; at least 1 / alpha - 1.
        fake: features of what it made.
        alpha: share of real images that lie nearer than the threshold, in (0, 1).

    Raises:
        InputError: too few held-out images for `alpha`, or bad features.
    """
    if not 0 < alpha < 1:
        raise InputError(f"`alpha` must be inside (0, 1), got {alpha:g}")
    rank = int(alpha * (len(held_out) + 1) + 1e-9)
    if rank < 1:
        raise InputError(
            f"`held_out` must have at least {ceil(1 / alpha) - 1} images for alpha {alpha:g}, "
            f"got {len(held_out)}"
        )
    nearest, distance = nearest_images(fake, train)
    usual = nearest_images(held_out, train)[1].sort().values
    threshold, m, n = float(usual[rank - 1]), len(usual), len(distance)
    count = int((distance < threshold).sum())
    p_value = float(stats.betabinom.sf(count - 1, n, rank, m + 1 - rank))
    tested = stats.mannwhitneyu(
        distance.cpu().numpy(), usual.cpu().numpy(), alternative="less", method="asymptotic"
    )
    spread = (n * m * (n + m + 1) / 12) ** 0.5
    return Memorisation(
        share=count / n,
        expected=rank / (m + 1),
        threshold=threshold,
        p_value=min(1.0, p_value),
        rank_z=float((tested.statistic - n * m / 2) / spread),
        rank_p_value=float(tested.pvalue),
        nearest=nearest,
        distance=distance,
    )


@dataclass
class MemorisationTest:
    """Accumulator of `memorisation`; holds the features of its three sets."""

    alpha: float = 0.01
    train: list[Tensor] = field(default_factory=list)
    held_out: list[Tensor] = field(default_factory=list)
    fake: list[Tensor] = field(default_factory=list)

    def update(
        self, *, train: Tensor | None = None, held_out: Tensor | None = None, fake: Tensor | None = None
    ) -> None:
        """Add features (N, D) to the named sets."""
        for rows, held in ((train, self.train), (held_out, self.held_out), (fake, self.fake)):
            if rows is not None:
                held.append(check_features("features", rows))

    def merge(self, other: MemorisationTest) -> None:
        """Add what another accumulator of the same alpha has seen."""
        if other.alpha != self.alpha:
            raise InputError(f"`alpha` must be {self.alpha:g} to merge, got {other.alpha:g}")
        self.train.extend(other.train)
        self.held_out.extend(other.held_out)
        self.fake.extend(other.fake)

    def compute(self) -> Memorisation:
        """The tests; every set must have images."""
        for name in ("train", "held_out", "fake"):
            if not getattr(self, name):
                raise InputError(f"`{name}` must have at least 1 image before compute, got 0")
        return memorisation(*map(torch.cat, (self.train, self.held_out, self.fake)), alpha=self.alpha)
