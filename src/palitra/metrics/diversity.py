"""Vendi score: the effective number of different images in a set, 1 to N.

Source: Friedman and Dieng, "The Vendi Score" (2023): exp of the entropy of the eigenvalues of K / N,
here with the cosine kernel. The smaller of K (N, N) and its twin (D, D) gives the same eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.moments import check_features


def vendi_score(features: Tensor) -> float:
    """Effective number of different rows of (N, D).

    Raises:
        InputError: no images, a row of zeros (it has no direction), or values that are not finite.
    """
    rows = check_features("features", features)
    lengths = rows.norm(dim=1, keepdim=True)
    if not lengths.all():
        raise InputError(f"`features` must not be all zero, got that for image {int(lengths.argmin())}")
    unit = rows / lengths
    twin = unit @ unit.T if len(unit) <= unit.shape[1] else unit.T @ unit
    shares = torch.linalg.eigvalsh(twin / len(unit)).clamp_min(0)
    shares = shares[shares > 0]
    return float(torch.exp(-(shares * shares.log()).sum()))


@dataclass
class Vendi:
    """Accumulator of `vendi_score`; holds the features."""

    features: list[Tensor] = field(default_factory=list)

    def update(self, features: Tensor) -> None:
        """Add features (N, D)."""
        self.features.append(check_features("features", features))

    def merge(self, other: Vendi) -> None:
        """Add what another accumulator has seen."""
        self.features.extend(other.features)

    def compute(self) -> float:
        """The score; at least one image."""
        if not self.features:
            raise InputError("`images` must be at least 1 before compute, got 0")
        return vendi_score(torch.cat(self.features))
