"""The discriminator's logistic loss, with one-sided label smoothing (arXiv 1606.03498, section 3.4)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def logistic_discriminator(real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
    """Cross-entropy of scores (B,) against `real_target` and against exactly 0.

    Smoothing the target of generated pictures too would pull the optimum towards them.
    """
    of_real = real_target * F.softplus(-real) + (1 - real_target) * F.softplus(real)
    return of_real.mean() + F.softplus(fake).mean()
