"""Checks and the mean that metrics of image pairs share: SSIM, PSNR, LPIPS."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from palitra.errors import ImageError, InputError


def check_pair(first: Tensor, second: Tensor, data_range: float = 1.0) -> tuple[Tensor, Tensor]:
    """Both as float64 (B, C, H, W).

    Raises:
        ImageError: another shape, or values that are not finite.
        InputError: `data_range` is not positive.
    """
    if not data_range > 0:
        raise InputError(f"`data_range` must be above 0, got {data_range:g}")
    if first.ndim != 4 or first.shape != second.shape:
        raise ImageError(
            f"`first` and `second` must be (B, C, H, W) of one size, got {tuple(first.shape)} "
            f"and {tuple(second.shape)}"
        )
    for name, images in (("first", first), ("second", second)):
        if images.is_floating_point() and not torch.isfinite(images).all():
            raise ImageError(f"`{name}` must hold finite values, got NaN or infinity")
    return first.double(), second.double()


@dataclass
class PairMean:
    """Mean of a score over pairs, which keeps each pair's value for intervals and paired comparisons."""

    values: list[Tensor] = field(default_factory=list)

    def merge(self, other: PairMean) -> None:
        """Add what another accumulator of the same settings has seen."""
        if type(other) is not type(self) or other.settings() != self.settings():
            raise InputError("`settings` must be the same to merge, got others")
        self.values.extend(other.values)

    def settings(self) -> tuple[float, ...]:
        """What must be equal for a merge."""
        return ()

    def per_pair(self) -> Tensor:
        """All values (N,) in order.

        Raises:
            InputError: no pair was added.
        """
        if not self.values:
            raise InputError("`pairs` must be at least 1 before compute, got 0")
        return torch.cat(self.values)

    def compute(self) -> float:
        """The mean over pairs."""
        return float(self.per_pair().mean())
