"""How strongly an energy's gradient acts. Norms are per sample, over (C, h, w)."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-12


def norms(x: Tensor) -> Tensor:
    """Euclidean norm of every sample, shaped (B, 1, 1, 1), in float32."""
    return x.float().flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def unit(gradient: Tensor) -> Tensor:
    """Each sample scaled to norm 1; a vanishing or non-finite gradient becomes exactly 0."""
    size = norms(gradient)
    usable = torch.isfinite(size) & (size > TINY)
    return torch.where(usable, gradient / size.clamp_min(TINY), torch.zeros_like(gradient))


def step_ratio(gradient: Tensor, shift: Tensor, beta: float) -> Tensor:
    """-beta ||x_t - x_{t-1}|| g / ||g|| (arXiv 2211.13752, section 3.2): as long as beta steps."""
    return -beta * norms(shift) * unit(gradient)


def clipped_ratio(gradient: Tensor, reference: Tensor, low: float, high: float) -> Tensor:
    """The gradient, its norm held within [low, high] times the reference's norm."""
    size = norms(reference)
    ratio = (norms(gradient) / size.clamp_min(TINY)).clamp(low, high)
    return ratio * size * unit(gradient)
