"""Classical augmentation: mirrored, shifted, a little brighter or darker."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Flips = Literal["none", "horizontal", "both"]
SHIFT = 0.125
LIGHT = 0.2


def classical(x: Tensor, generator: torch.Generator, flips: Flips = "horizontal") -> Tensor:
    """Change each picture of (B, C, H, W) in [-1, 1]; the border is repeated where a shift opens a gap.

    Shifts go to an eighth of the side, contrast and brightness to a fifth.
    """
    b, _, h, w = x.shape
    chance = torch.rand(4, b, 1, 1, 1, generator=generator)
    if flips != "none":
        x = torch.where(chance[0] < 0.5, x.flip(-1), x)
    if flips == "both":
        x = torch.where(chance[1] < 0.5, x.flip(-2), x)
    rows, columns = (_shifted(side, b, generator) for side in (h, w))
    which = torch.arange(b).view(b, 1, 1)
    x = x.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    contrast, brightness = (1 + LIGHT * (2 * chance[i] - 1) for i in (2, 3))
    return (x * contrast + (brightness - 1)).clamp(-1, 1)


def _shifted(side: int, count: int, generator: torch.Generator) -> Tensor:
    """Positions (B, side) that each place is read from."""
    most = round(side * SHIFT)
    shift = torch.randint(-most, most + 1, (count, 1), generator=generator)
    return (torch.arange(side) + shift).clamp(0, side - 1)
