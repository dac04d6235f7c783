"""Per-sample affine changes of pictures, composed as matrices and applied in one resampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def matrix(rows: list[list[Tensor]]) -> Tensor:
    """Entries (B,) each -> (B, n, n)."""
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Multiply columns by x and rows by y, (B, 3, 3)."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return matrix([[x, zero, zero], [zero, y, zero], [zero, zero, one]])


def rotation(angle: Tensor) -> Tensor:
    """By `angle` in radians, (B, 3, 3)."""
    c, s = angle.cos(), angle.sin()
    zero, one = torch.zeros_like(c), torch.ones_like(c)
    return matrix([[c, -s, zero], [s, c, zero], [zero, zero, one]])


def translation(x: Tensor, y: Tensor) -> Tensor:
    """By pixels, (B, 3, 3)."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return matrix([[one, zero, x], [zero, one, y], [zero, zero, one]])


def resample(x: Tensor, places: Tensor) -> Tensor:
    """Read every output pixel at `places` (B, 3, 3), pixels from the middle; rows left unmoved stay exact."""
    height, width = x.shape[-2:]
    side = torch.tensor([width / 2, height / 2], device=x.device)
    theta = places[:, :2].clone()
    theta[:, :, :2] *= side / side[:, None]
    theta[:, :, 2] /= side
    grid = F.affine_grid(theta.float(), list(x.shape), align_corners=False)
    moved = F.grid_sample(x.float(), grid, padding_mode="reflection", align_corners=False).to(x.dtype)
    still = (places == torch.eye(3, device=x.device)).flatten(1).all(1)
    return torch.where(still.view(-1, 1, 1, 1), x, moved)
