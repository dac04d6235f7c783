"""The game as it is played: the generator raises log D (arXiv 1406.2661, section 3)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from palitra.zoo.losses.logistic import logistic_discriminator


class NonSaturating:
    """Logistic for both players."""

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Cross-entropy of both."""
        return logistic_discriminator(real, fake, real_target)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Softplus of the negative score."""
        return F.softplus(-fake).mean()
