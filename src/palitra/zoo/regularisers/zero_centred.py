"""R1 and R2: squared gradients of the score at real and generated pictures (arXiv 1801.04406)."""

from __future__ import annotations

import torch
from torch import Tensor


def zero_centred_penalty(scores: Tensor, pictures: Tensor) -> Tensor:
    """Mean over the batch of ||d score / d picture||^2 / 2; `pictures` (B, C, H, W) require grad.

    With gamma in front it is R1 for real pictures and R2 for generated ones. The graph is kept, so that
    the penalty itself can be differentiated.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
    return 0.5 * gradient.float().square().flatten(1).sum(1).mean()
