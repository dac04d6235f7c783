"""Random views of pictures, batched: crops, flips, colours, lost resolution, blur, erased boxes.

Everything is drawn from one generator on the CPU, so that a batch depends on its seed alone.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.train.eye_config import EyeConfig

LUMA = (0.299, 0.587, 0.114)


def between(low: float, high: float, n: int, g: torch.Generator) -> Tensor:
    """Uniform numbers (n, 1, 1, 1)."""
    return low + (high - low) * torch.rand(n, 1, 1, 1, generator=g)


def chance(part: float, n: int, g: torch.Generator) -> Tensor:
    """True with probability `part`, (n,)."""
    return torch.rand(n, generator=g) < part


def random_crops(images: Tensor, size: int, smallest: float, g: torch.Generator) -> Tensor:
    """Crops of `smallest` to all of the area and sides of 3:4 to 4:3, half of them mirrored.

    Args:
        images: bytes (B, 3, S, S).
        size: side of the result.
        smallest: least part of the area.
        g: source of randomness.

    Returns:
        float32 (B, 3, size, size) in [0, 255].
    """
    x = images.float()
    if x.shape[-1] >= 2 * size:
        x = F.avg_pool2d(x, 2)
    n = len(x)
    area = smallest + (1 - smallest) * torch.rand(n, generator=g)
    ratio = torch.exp((torch.rand(n, generator=g) * 2 - 1) * math.log(4 / 3) / 2)
    wide, high = (area.sqrt() * ratio).clamp_max(1), (area.sqrt() / ratio).clamp_max(1)
    right, down = (torch.rand(2, n, generator=g) * 2 - 1) * torch.stack([1 - wide, 1 - high])
    mirror = torch.where(chance(0.5, n, g), -1.0, 1.0)
    zero = torch.zeros(n)
    places = torch.stack(
        [torch.stack([wide * mirror, zero, right], 1), torch.stack([zero, high, down], 1)], 1
    )
    grid = F.affine_grid(places, [n, 3, size, size], align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def lose_resolution(x: Tensor, part: float, g: torch.Generator) -> Tensor:
    """A `part` of the pictures made smaller and big again, by one factor for all of them."""
    chosen = chance(part, len(x), g)
    size = x.shape[-1]
    small = int(torch.randint(math.ceil(0.4 * size), size, (), generator=g))
    if chosen.any():
        less = F.interpolate(x[chosen], (small, small), mode="bilinear", antialias=True)
        x[chosen] = F.interpolate(less, (size, size), mode="bilinear")
    return x


def blur(x: Tensor, part: float, g: torch.Generator) -> Tensor:
    """A `part` of the pictures under a Gaussian of 0.4 to 1 px per 32 px of side, one for all of them."""
    chosen = chance(part, len(x), g)
    sigma = (0.4 + 0.6 * torch.rand((), generator=g)) * x.shape[-1] / 32
    reach = math.ceil(2 * x.shape[-1] / 32)
    weights = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2))
    weights = weights / weights.sum()
    if chosen.any():
        soft = F.pad(x[chosen], (reach,) * 4, mode="replicate").flatten(0, 1)[:, None]
        soft = F.conv2d(F.conv2d(soft, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
        x[chosen] = soft.view(-1, 3, *x.shape[2:])
    return x


def change_colours(x: Tensor, grey: float, g: torch.Generator) -> Tensor:
    """Saturation, channel gains, contrast and brightness; a part `grey` loses all colour."""
    n = len(x)
    luma = (x * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    saturation = between(0.5, 1.5, n, g) * ~chance(grey, n, g).view(n, 1, 1, 1)
    gains = 1 + 0.1 * (torch.rand(n, 3, 1, 1, generator=g) * 2 - 1) * (saturation > 0)
    x = (luma + saturation * (x - luma)) * gains
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + between(0.7, 1.3, n, g) * (x - mean) + between(-30, 30, n, g)
    return x.clamp(0, 255)


def erase(x: Tensor, part: float, g: torch.Generator) -> Tensor:
    """A box of 2 to 25 % of the area in one random grey, in a `part` of the pictures."""
    n, size = len(x), x.shape[-1]
    chosen = chance(part, n, g).view(n, 1, 1, 1)
    area = between(0.02, 0.25, n, g)
    ratio = torch.exp(between(-0.7, 0.7, n, g))
    axis = (torch.arange(size) + 0.5) / size
    across = (axis.view(1, 1, 1, -1) - between(0, 1, n, g)).abs() < (area * ratio).sqrt() / 2
    down = (axis.view(1, 1, -1, 1) - between(0, 1, n, g)).abs() < (area / ratio).sqrt() / 2
    return torch.where(chosen & across & down, between(0, 255, n, g), x)


def augment(x: Tensor, config: EyeConfig, g: torch.Generator) -> Tensor:
    """All but the crops, in this order: resolution, blur, colours, erased boxes; `x` may be changed."""
    x = blur(lose_resolution(x, config.shrink, g), config.blur, g)
    return erase(change_colours(x, config.grey, g), config.erase, g)
