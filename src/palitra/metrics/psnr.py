"""Peak signal-to-noise ratio in dB: 10 log10(range^2 / mean squared error), image by image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.metrics.image_pairs import PairMean, check_pair


def psnr(first: Tensor, second: Tensor, *, data_range: float) -> Tensor:
    """PSNR of each pair, (B,) float64; equal images have infinity.

    Args:
        first: images (B, C, H, W).
        second: the same for what they are compared with.
        data_range: largest minus smallest value a pixel can have: 255 for 8 bits, 1 for [0, 1].

    Raises:
        ImageError: the shapes differ, or values are not finite.
        InputError: `data_range` is not positive.
    """
    x, y = check_pair(first, second, data_range)
    error = (x - y).square().mean((1, 2, 3))
    return 10 * torch.log10(data_range**2 / error)


@dataclass
class Psnr(PairMean):
    """Mean of `psnr` over pairs; one equal pair makes it infinite."""

    data_range: float = 1.0

    def update(self, first: Tensor, second: Tensor) -> None:
        """Add pairs (B, C, H, W)."""
        self.values.append(psnr(first, second, data_range=self.data_range))

    def settings(self) -> tuple[float, ...]:
        """The range."""
        return (self.data_range,)
