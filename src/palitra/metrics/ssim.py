"""Structural similarity, image by image.

Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004):
Gaussian window 11 x 11 with deviation 1.5, K1 = 0.01, K2 = 0.03, only places where the whole window
lies inside; statistics of the population, as in the paper. Colour channels are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.errors import ImageError
from palitra.metrics.image_pairs import PairMean, check_pair

WINDOW = 11
DEVIATION = 1.5


def ssim(first: Tensor, second: Tensor, *, data_range: float) -> Tensor:
    """SSIM of each pair in [-1, 1], (B,) float64.

    Args:
        first: images (B, C, H, W), sides of at least 11.
        second: the same for what they are compared with.
        data_range: largest minus smallest value a pixel can have: 255 for 8 bits, 1 for [0, 1].

    Raises:
        ImageError: the shapes differ, a side is below 11, or values are not finite.
        InputError: `data_range` is not positive.
    """
    x, y = check_pair(first, second, data_range)
    if min(x.shape[2:]) < WINDOW:
        raise ImageError(
            f"`first` must have sides of at least {WINDOW} pixels, got {x.shape[3]}x{x.shape[2]}"
        )
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_x, mean_y, xx, yy, xy = (_smooth(v) for v in (x, y, x * x, y * y, x * y))
    var_x, var_y, cov = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return (light * structure).mean((1, 2, 3))


def _smooth(images: Tensor) -> Tensor:
    """Gaussian means of all full windows."""
    at = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    weights = torch.exp(-(at**2) / (2 * DEVIATION**2))
    weights = weights / weights.sum()
    flat = images.flatten(0, 1)[:, None]
    flat = F.conv2d(F.conv2d(flat, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
    return flat.view(*images.shape[:2], *flat.shape[2:])


@dataclass
class Ssim(PairMean):
    """Mean of `ssim` over pairs."""

    data_range: float = 1.0

    def update(self, first: Tensor, second: Tensor) -> None:
        """Add pairs (B, C, H, W)."""
        self.values.append(ssim(first, second, data_range=self.data_range))

    def settings(self) -> tuple[float, ...]:
        """The range."""
        return (self.data_range,)
