"""Doubling and halving with the [1, 3, 3, 1] low-pass filter, written as sums of shifted grids.

Depthwise convolutions say the same, but on CPUs they took half of a training step, and their second
derivative (for R1 and R2) is slower still; sums of slices have neither trouble.
"""

from __future__ import annotations

import torch
from torch import Tensor


def double(x: Tensor) -> Tensor:
    """X (B, C, H, W) -> (B, C, 2H, 2W); zeros between the samples, then the filter with gain 4."""
    return _double(_double(x, 2), 3)


def halve(x: Tensor) -> Tensor:
    """X (B, C, H, W), even sides -> (B, C, H/2, W/2)."""
    return _halve(_halve(x, 2), 3)


def _double(x: Tensor, side: int) -> Tensor:
    before, after = _shifted(x, x, side)
    pair = torch.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], side + 1)
    return pair.flatten(side, side + 1)


def _halve(x: Tensor, side: int) -> Tensor:
    even, odd = x.unflatten(side, (-1, 2)).unbind(side + 1)
    before, after = _shifted(odd, even, side)
    return 0.375 * (even + odd) + 0.125 * (before + after)


def _shifted(forwards: Tensor, backwards: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """(left neighbours of one grid, right neighbours of the other), zero beyond the border."""
    n = forwards.shape[side]
    border = torch.zeros_like(forwards.narrow(side, 0, 1))
    return (
        torch.cat([border, forwards.narrow(side, 0, n - 1)], side),
        torch.cat([backwards.narrow(side, 1, n - 1), border], side),
    )
