"""The Wasserstein game (arXiv 1701.07875); the critic needs a gradient penalty or spectral norm."""

from __future__ import annotations

from torch import Tensor


class Wasserstein:
    """Difference of mean scores."""

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Generated minus real; there is no target to smooth."""
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The negative score."""
        return -fake.mean()
