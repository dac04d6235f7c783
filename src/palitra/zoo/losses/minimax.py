"""The original game, whose generator's gradient vanishes when it loses (arXiv 1406.2661, eq. 1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from palitra.zoo.losses.logistic import logistic_discriminator


class Minimax:
    """The generator lowers E log(1 - D(G(z)))."""

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Cross-entropy of both."""
        return logistic_discriminator(real, fake, real_target)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-softplus of the score."""
        return -F.softplus(fake).mean()
