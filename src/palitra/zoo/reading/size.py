"""Bringing pictures to one size and one number of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.errors import InputError

Fit = Literal["crop", "pad"]


def fit_to(picture: Tensor, size: tuple[int, int], fit: Fit) -> Tensor:
    """uint8 (..., C, H, W) to (height, width).

    `crop` cuts the middle to the aspect wanted and resizes; `pad` repeats the border of a smaller picture.

    Raises:
        InputError: `pad` of a picture that is larger than `size`.
    """
    height, width = size
    h, w = picture.shape[-2:]
    if (h, w) == size:
        return picture
    if fit == "pad":
        if h > height or w > width:
            raise InputError(f"`size` must be at least {h} x {w} to pad, got {height} x {width}")
        top, left = (height - h) // 2, (width - w) // 2
        rows = (torch.arange(height) - top).clamp(0, h - 1)
        columns = (torch.arange(width) - left).clamp(0, w - 1)
        return picture[..., rows, :][..., columns].contiguous()
    scale = min(h / height, w / width)
    ch, cw = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (h - ch) // 2, (w - cw) // 2
    cut = picture[..., top : top + ch, left : left + cw]
    batch = cut if cut.ndim == 4 else cut[None]
    resized = F.interpolate(batch.float(), size, mode="bicubic", antialias=True, align_corners=False)
    resized = resized.round().clamp(0, 255).byte()
    return resized if cut.ndim == 4 else resized[0]


def with_channels(picture: Tensor, channels: int) -> Tensor:
    """uint8 (..., C, H, W) with 1 channel (Rec. 601 grey) or 3; equal counts stay as they are.

    Raises:
        InputError: no way from one count to the other.
    """
    have = picture.shape[-3]
    if have == channels:
        return picture
    if have == 1:
        return picture.expand(*picture.shape[:-3], channels, *picture.shape[-2:])
    if have == 3 and channels == 1:
        weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
        return (picture.float() * weights).sum(-3, keepdim=True).round().byte()
    raise InputError(
        f"`channels` must be {have} as in the pictures, or 1 or 3 for pictures of those, got {channels}"
    )


def unify(pictures: Sequence[Tensor], size: tuple[int, int] | None, channels: int | None, fit: Fit) -> Tensor:
    """Stack uint8 pictures (C, H, W).

    Without `size` all must agree; without `channels` the largest count is taken.

    Raises:
        InputError: mixed sizes and no `size`.
    """
    if size is None:
        first = pictures[0].shape[-2:]
        other = next((p.shape[-2:] for p in pictures if p.shape[-2:] != first), None)
        if other is not None:
            raise InputError(
                f"`size` must be given for pictures of mixed sizes, got {first[0]} x {first[1]} "
                f"and {other[0]} x {other[1]}"
            )
        size = (first[0], first[1])
    count = channels or max(p.shape[-3] for p in pictures)
    return torch.stack([with_channels(fit_to(p, size, fit), count) for p in pictures]).contiguous()
