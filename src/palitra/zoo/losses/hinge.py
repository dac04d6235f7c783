"""The hinge game (arXiv 1705.02894; used by SAGAN and BigGAN)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


class Hinge:
    """Scores beyond the margin of 1 no longer count."""

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Both margins; there is no target to smooth."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The negative score."""
        return -fake.mean()
