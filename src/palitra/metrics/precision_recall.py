"""Precision, recall, density and coverage: sets of images as unions of balls around their features.

Sources: Kynkäänniemi et al., "Improved Precision and Recall Metric" (2019): precision is the share of
fakes inside some ball of a real image that reaches to its k-th neighbour (closed balls, k = 3), recall
the same with the sides exchanged. Naeem et al., "Reliable Fidelity and Diversity Metrics" (2020):
density counts the real balls around a fake, over k; coverage is the share of real balls that hold a
fake (open balls, k = 5).

Distances are worked out in tiles in float64 about the real mean, so that memory stays at `chunk` rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.moments import check_features


@dataclass(frozen=True, eq=False)
class ManifoldScore:
    """Shares in [0, 1], density at least 0. The tensors are their parts, one per image of the side.

    `precision` and `density` are means over fakes, `recall` and `coverage` over real images.
    """

    k: int
    fake_inside: Tensor
    real_inside: Tensor
    balls: Tensor
    covered: Tensor

    @property
    def precision(self) -> float:
        """Share of fakes near real images."""
        return float(self.fake_inside.mean())

    @property
    def recall(self) -> float:
        """Share of real images near fakes."""
        return float(self.real_inside.mean())

    @property
    def density(self) -> float:
        """Mean number of real balls around a fake, over k."""
        return float(self.balls.mean())

    @property
    def coverage(self) -> float:
        """Share of real balls with a fake inside."""
        return float(self.covered.mean())


def distance_tiles(x: Tensor, y: Tensor, chunk: int = 1024) -> Iterator[tuple[int, Tensor]]:
    """Squared Euclidean distances of rows of x to all of y, as (first row, tile); never negative."""
    lengths = y.square().sum(1)
    for start in range(0, len(x), chunk):
        rows = x[start : start + chunk]
        tile = torch.addmm(lengths[None], rows, y.T, alpha=-2) + rows.square().sum(1)[:, None]
        yield start, tile.clamp_min_(0)


def neighbour_radii(features: Tensor, k: int, chunk: int = 1024) -> Tensor:
    """Squared distance of each row to its k-th nearest other row, (N,) float64.

    Raises:
        InputError: not more rows than k.
    """
    if not 1 <= k < len(features):
        raise InputError(f"`images` must be more than k = {k} for neighbours, got {len(features)}")
    radii = []
    for start, tile in distance_tiles(features, features, chunk):
        own = torch.arange(len(tile), device=tile.device)
        tile[own, own + start] = torch.inf
        radii.append(tile.kthvalue(k, dim=1).values)
    return torch.cat(radii)


def manifold_score(
    real: Tensor, fake: Tensor, *, k: int = 3, closed: bool = True, chunk: int = 1024
) -> ManifoldScore:
    """All four shares with one k. Published precision and recall: k 3, closed; PRDC: k 5, open.

    Raises:
        InputError: not more than k images on a side, other dimensions, values that are not finite.
    """
    x, y = check_features("real", real, k + 1), check_features("fake", fake, k + 1)
    if x.shape[1] != y.shape[1]:
        raise InputError(f"`fake` must have {x.shape[1]} dimensions as `real`, got {y.shape[1]}")
    middle = x.mean(0)
    x, y = x - middle, y - middle
    real_radii, fake_radii = neighbour_radii(x, k, chunk), neighbour_radii(y, k, chunk)
    real_inside, covered = [], []
    balls = torch.zeros(len(y), dtype=torch.float64, device=y.device)
    fake_inside = torch.zeros(len(y), dtype=torch.bool, device=y.device)
    for start, tile in distance_tiles(x, y, chunk):
        radii = real_radii[start : start + len(tile), None]
        within = tile <= radii if closed else tile < radii
        balls += within.sum(0)
        fake_inside |= within.any(0)
        covered.append(within.any(1))
        real_inside.append((tile <= fake_radii if closed else tile < fake_radii).any(1))
    return ManifoldScore(
        k, fake_inside.double(), torch.cat(real_inside).double(), balls / k, torch.cat(covered).double()
    )


@dataclass
class Manifold:
    """Accumulator of `manifold_score`; holds the features."""

    k: int = 3
    closed: bool = True
    real: list[Tensor] = field(default_factory=list)
    fake: list[Tensor] = field(default_factory=list)

    def update(self, features: Tensor, real: bool) -> None:
        """Add features (N, D) of real or of generated images."""
        check_features("real" if real else "fake", features)
        (self.real if real else self.fake).append(features.detach())

    def merge(self, other: Manifold) -> None:
        """Add what another accumulator of the same settings has seen."""
        if (other.k, other.closed) != (self.k, self.closed):
            raise InputError("`k` and `closed` must be the same to merge, got others")
        self.real.extend(other.real)
        self.fake.extend(other.fake)

    def compute(self) -> ManifoldScore:
        """The score; more than k images on each side."""
        if not self.real or not self.fake:
            raise InputError(f"`images` must be more than k = {self.k} on each side, got none on one")
        return manifold_score(torch.cat(self.real), torch.cat(self.fake), k=self.k, closed=self.closed)
