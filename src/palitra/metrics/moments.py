"""Mean and covariance of features, accumulated in float64 without ever holding all of them.

Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
variances" (1979): two parts with counts n and m and mean difference d have together the scatter
S_n + S_m + d d' n m / (n + m).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from palitra.errors import InputError


def check_features(name: str, features: Tensor, least: int = 1) -> Tensor:
    """The features (N, D) as float64, or a sentence on what is wrong with them.

    Raises:
        InputError: not (N, D), fewer than `least` rows, or NaN or infinity in them.
    """
    if features.ndim != 2 or features.shape[1] < 1:
        raise InputError(f"`{name}` must be features (N, D), got the shape {tuple(features.shape)}")
    if len(features) < least:
        raise InputError(f"`{name}` must have at least {least} images, got {len(features)}")
    finite = torch.isfinite(features).all(1)
    if not finite.all():
        row = int((~finite).nonzero()[0])
        raise InputError(f"`{name}` must have finite features, got NaN or infinity for image {row}")
    return features.detach().double()


@dataclass
class Moments:
    """`count`, `mean` (D,) and `scatter` (D, D), the sum of outer products about the mean."""

    count: int = 0
    mean: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    scatter: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float64))

    def update(self, features: Tensor) -> None:
        """Add features (N, D).

        Raises:
            InputError: another D than before, or values that are not finite.
        """
        rows = check_features("features", features)
        mean = rows.mean(0)
        centred = rows - mean
        self.merge(Moments(len(rows), mean, centred.T @ centred))

    def merge(self, other: Moments) -> None:
        """Add what another accumulator has seen."""
        if other.count == 0:
            return
        if self.count == 0:
            self.count, self.mean, self.scatter = other.count, other.mean.clone(), other.scatter.clone()
            return
        if other.mean.shape != self.mean.shape:
            raise InputError(f"`features` must have {len(self.mean)} dimensions, got {len(other.mean)}")
        both = self.count + other.count
        apart = other.mean - self.mean
        self.scatter += other.scatter + torch.outer(apart, apart) * (self.count * other.count / both)
        self.mean = self.mean + apart * (other.count / both)
        self.count = both

    def covariance(self) -> Tensor:
        """The unbiased covariance (D, D).

        Raises:
            InputError: fewer than two images.
        """
        if self.count < 2:
            raise InputError(f"`images` must be at least 2 for a covariance, got {self.count}")
        return self.scatter / (self.count - 1)
