"""Feature matching (arXiv 1606.03498, section 3.1)."""

from __future__ import annotations

from torch import Tensor


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """Squared distance between the batch means of discriminator features (B, F); real: constant."""
    return (real.detach().float().mean(0) - fake.float().mean(0)).square().sum()
