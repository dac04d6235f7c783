"""LSGAN (arXiv 1611.04076, eq. 2 with a = 0, b = c = 1)."""

from __future__ import annotations

from torch import Tensor


class LeastSquares:
    """Squared distance of the scores to their targets, halved."""

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Real to `real_target`, generated to 0."""
        return 0.5 * (real - real_target).square().mean() + 0.5 * fake.square().mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Generated to 1."""
        return 0.5 * (fake - 1).square().mean()
