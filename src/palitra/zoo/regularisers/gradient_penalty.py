"""WGAN-GP: the critic's slope is pulled to 1 between real and generated (arXiv 1704.00028, eq. 3)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Mean of (||gradient|| - 1)^2 at share x real + (1 - share) x fake.

    Args:
        critic: pictures -> scores (B,).
        real: pictures (B, C, H, W).
        fake: as many.
        share: uniform in [0, 1), (B, 1, 1, 1).
    """
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    # the tiny number keeps the root's own slope finite where the gradient is 0
    norm = (gradient.float().square().flatten(1).sum(1) + 1e-12).sqrt()
    return (norm - 1).square().mean()
