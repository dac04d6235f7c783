"""Drawings as people might have drawn them, from centre lines: all on the device, a batch at a time.

Centre lines are drawn in a random width, parts of them are left out, and the sheet is shifted, turned and
warped a little, so that what learns from them does not count on exact edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Hand:
    """How unsteady the hand is; lengths are shares of the side, except widths.

    `widths`: of lines, in shares of the usual width. `left_out`: largest share of the sheet whose lines are
    missing. `shift`, `wobble`: largest shift of the whole, and size of the warp. `turn`: largest angle.
    """

    widths: tuple[float, float] = (0.75, 1.6)
    left_out: float = 0.35
    shift: float = 0.01
    wobble: float = 0.006
    turn: float = 0.025


STEADY = Hand((1.0, 1.0), 0.0, 0.0, 0.0, 0.0)


def rendered(centres: Tensor, widths: Tensor) -> Tensor:
    """Ink coverage (B, 1, S, S) in [0, 1] of lines around `centres` (B, 1, S, S) in {0, 1}.

    `widths` (B,) in pixels. clip(width / 2 + 1/2 - distance, 0, 1), as `palitra.data.strokes.draw`, here as
    a dilation.
    """
    reach = max(1, math.ceil(float(widths.max()) / 2 + 0.5) - 1)
    padded = F.pad(centres, (reach, reach, reach, reach))
    height, width = centres.shape[-2:]
    cover = torch.zeros_like(centres)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            ink = (widths / 2 + 0.5 - math.hypot(dy, dx)).clamp(0, 1).view(-1, 1, 1, 1)
            if not bool(ink.any()):
                continue
            top, left = reach + dy, reach + dx
            cover = torch.maximum(cover, ink * padded[..., top : top + height, left : left + width])
    return cover


def by_hand(
    centres: Tensor, line_width: float, size: int, generator: torch.Generator, hand: Hand | None = None
) -> Tensor:
    """Drawings (B, 1, size, size) in [0, 1], black on white, of centre lines (B, 1, S, S).

    S is a multiple of `size`; `line_width` is the usual width at `size`. Random numbers come from the CPU, so
    that every device draws the same.
    """
    hand = hand or Hand()
    n, side, device = len(centres), centres.shape[-1], centres.device
    kept = centres * _kept(n, side, hand.left_out, generator).to(device)
    low, high = hand.widths
    shares = low + (high - low) * torch.rand(n, generator=generator)
    ink = rendered(kept, (shares * line_width * side / size).to(device))
    if hand.shift or hand.wobble or hand.turn:
        grid = _grid(n, side, hand, generator).to(device)
        ink = F.grid_sample(ink, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return 1 - F.avg_pool2d(ink, side // size)


def _kept(n: int, side: int, most: float, generator: torch.Generator) -> Tensor:
    """Where lines stay (n, 1, side, side): for half, all but smooth patches of up to `most` of the sheet."""
    noise = torch.randn(n, 1, 6, 6, generator=generator)
    share = most * torch.rand(n, generator=generator) * (torch.rand(n, generator=generator) < 0.5)
    smooth = F.interpolate(noise, size=(side, side), mode="bicubic", align_corners=False)
    edge = torch.stack([row.quantile(s) for row, s in zip(smooth.flatten(1), share, strict=True)])
    return (smooth >= edge.view(-1, 1, 1, 1)).float()


def _grid(n: int, side: int, hand: Hand, generator: torch.Generator) -> Tensor:
    """Where each pixel looks, (n, side, side, 2) in [-1, 1]: turned, scaled, shifted and softly warped."""
    uniform = 2 * torch.rand(n, 4, generator=generator) - 1
    angle, scale = hand.turn * uniform[:, 0], 1 + 2 * hand.shift * uniform[:, 1]
    move = 2 * hand.shift * uniform[:, 2:]
    theta = torch.stack(
        [
            torch.stack([scale * angle.cos(), -scale * angle.sin(), move[:, 0]], 1),
            torch.stack([scale * angle.sin(), scale * angle.cos(), move[:, 1]], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, [n, 1, side, side], align_corners=False)
    warp = 2 * hand.wobble * torch.randn(n, 2, 5, 5, generator=generator)
    smooth = F.interpolate(warp, size=(side, side), mode="bicubic", align_corners=False)
    return grid + smooth.movedim(1, -1)
