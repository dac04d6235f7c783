"""Resizing to the extractor's input: three protocols that give three different scores.

clean: bicubic with antialiasing in floating point, by Pillow, as in Parmar et al., "On Aliased Resizing
and Surprising Subtleties in GAN Evaluation" (2022). tf1: bilinear without half-pixel offset or
antialiasing, as in the first FID code. torch: bicubic with antialiasing by torch, in batches; equal to
clean up to rounding, and on a GPU much faster.

Images are bytes: a score is about what would be saved.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from palitra.errors import ImageError, InputError

PROTOCOLS = ("clean", "tf1", "torch")


def resize(images: Tensor, size: int, protocol: str) -> Tensor:
    """Bytes (B, 3, H, W) as float32 (B, 3, size, size) in [0, 255].

    Images that have the size already come back unchanged under every protocol.

    Raises:
        ImageError: not uint8 (B, 3, H, W).
        InputError: no such protocol.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ImageError(
            f"`images` must be uint8 (B, 3, H, W), got {images.dtype} "
            f"{tuple(images.shape)}: round to bytes first"
        )
    if protocol not in PROTOCOLS:
        raise InputError(f"`resize` must be one of {', '.join(PROTOCOLS)}, got {protocol}")
    if images.shape[2:] == (size, size):
        return images.float()
    if protocol == "clean":
        return _by_pillow(images, size)
    if protocol == "tf1":
        return _axis_tf1(_axis_tf1(images.float(), size, 2), size, 3)
    made = F.interpolate(images.float(), (size, size), mode="bicubic", antialias=True, align_corners=False)
    return made.clamp(0, 255)


def quantise(images: Tensor) -> Tensor:
    """Generator output in [-1, 1] as bytes, rounded and not cut off.

    Raises:
        ImageError: NaN or infinity.
    """
    if not torch.isfinite(images).all():
        raise ImageError("`images` must hold finite values, got NaN or infinity")
    return (images.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


def _by_pillow(images: Tensor, size: int) -> Tensor:
    planes = images.flatten(0, 1).cpu().numpy().astype(np.float32)
    made = np.empty((len(planes), size, size), np.float32)
    for at, plane in enumerate(planes):
        made[at] = np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC))
    return torch.from_numpy(made.clip(0, 255)).view(-1, 3, size, size).to(images.device)


def _axis_tf1(images: Tensor, size: int, axis: int) -> Tensor:
    """Linear interpolation at i x old / new along one axis, the last pixel repeated."""
    old = images.shape[axis]
    at = torch.arange(size, dtype=torch.float32, device=images.device) * (old / size)
    low = at.floor().long().clamp_max(old - 1)
    shape = [1, 1, 1, 1]
    shape[axis] = size
    part = (at - low).view(shape)
    first = images.index_select(axis, low)
    second = images.index_select(axis, (low + 1).clamp_max(old - 1))
    return first + (second - first) * part
