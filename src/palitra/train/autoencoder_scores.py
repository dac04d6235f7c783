"""How much of a picture a code keeps: the numbers by which codes are compared before anything is diffused."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.eye_distance import eye_distance
from palitra.metrics.psnr import psnr
from palitra.models.autoencoder import Autoencoder
from palitra.models.eye import Eye


@dataclass(frozen=True)
class Reconstruction:
    """Means over pictures: `psnr` in dB (higher is better), `lpips` of eye (lower), values kept a picture."""

    psnr: float
    lpips: float
    values: int


@torch.no_grad()
def reconstruction(code: Autoencoder, images: Tensor, eye: Eye, batch: int = 64) -> Reconstruction:
    """Encode and decode images (N, 3, H, W) uint8 and hold them against themselves.

    Raises:
        InputError: no images.
    """
    if not len(images):
        raise InputError("`images` must be at least 1, got 0")
    signal, apart, values = [], [], 0
    for chunk in images.split(batch):
        latents = code.encode(chunk.float() / 127.5 - 1)
        values = latents[0].numel()
        real, made = chunk.float() / 255, ((code.decode(latents) + 1) / 2).clamp(0, 1)
        signal.append(psnr(real, made, data_range=1.0))
        apart.append(eye_distance(eye, real, made))
    return Reconstruction(float(torch.cat(signal).mean()), float(torch.cat(apart).mean()), values)
