"""Doubling and halving with the [1, 3, 3, 1] low-pass filter, by plain convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TAPS = (1.0, 3.0, 3.0, 1.0)


def _kernel(x: Tensor, gain: float) -> Tensor:
    taps = torch.tensor(TAPS, device=x.device, dtype=x.dtype)
    kernel = torch.outer(taps, taps)
    return (gain * kernel / kernel.sum()).expand(x.shape[1], 1, 4, 4)


def double(x: Tensor) -> Tensor:
    """X (B, C, H, W) -> (B, C, 2H, 2W); zeros between the samples, then the filter with gain 4."""
    return F.conv_transpose2d(x, _kernel(x, 4.0), stride=2, padding=1, groups=x.shape[1])


def halve(x: Tensor) -> Tensor:
    """X (B, C, H, W), even sides -> (B, C, H/2, W/2)."""
    return F.conv2d(x, _kernel(x, 1.0), stride=2, padding=1, groups=x.shape[1])
