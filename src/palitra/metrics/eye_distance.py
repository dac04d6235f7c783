"""How different two pictures look to eye: the form of LPIPS on the stages of the embedded encoder.

Channels of each stage are brought to unit length, differences squared, summed over channels, averaged
over places and then over the five stages (Zhang et al. 2018, without learned channel weights). It needs
no download; its numbers are called `lpips@eye` and compare with nothing but themselves.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.metrics.image_pairs import check_pair
from palitra.models.eye import Eye
from palitra.models.eye_network import fit


@torch.no_grad()
def eye_distance(eye: Eye, first: Tensor, second: Tensor) -> Tensor:
    """Distance of each pair of colour images (B, 3, H, W) in [0, 1], (B,) float64 in [0, 2].

    Raises:
        ImageError: the shapes differ.
    """
    check_pair(first, second)
    device = eye.network.caption_scale.device
    one, other = (
        eye.network.activations(fit(images.to(device) * 255, eye.shape.size)) for images in (first, second)
    )
    total = torch.zeros(len(first), dtype=torch.float64)
    for a, b in zip(one, other, strict=True):
        apart = (F.normalize(a, dim=1, eps=1e-10) - F.normalize(b, dim=1, eps=1e-10)).square().sum(1)
        total += apart.double().mean((1, 2)).cpu()
    return total / len(one)


@torch.no_grad()
def eye_tokens(eye: Eye, images: Tensor, stage: int = 3) -> Tensor:
    """Places of a stage as tokens (B, N, D), for the structure distance; images (B, 3, H, W) in [0, 1]."""
    device = eye.network.caption_scale.device
    found = eye.network.activations(fit(images.to(device) * 255, eye.shape.size))[stage]
    return found.flatten(2).transpose(1, 2).float()
