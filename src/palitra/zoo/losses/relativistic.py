"""The relativistic pairing game (arXiv 1807.00734; R3GAN, arXiv 2501.05441, eq. 2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


class Relativistic:
    """Each generated picture is judged against one real picture, row by row."""

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Softplus of generated minus real; there is no target to smooth."""
        return F.softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The same with the players exchanged."""
        return F.softplus(real - fake).mean()
