"""Exponential moving average of weights, with a ramp so that early noise is forgotten."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class EMA:
    """Keeps float32 averages of tensors.

    At step n the decay is min(decay, (1 + n) / (10 + n)), so the first averages follow closely.
    """

    def __init__(self, tensors: Iterable[Tensor], decay: float) -> None:
        self.decay = decay
        self.averages = [t.detach().float().clone() for t in tensors]

    @torch.no_grad()
    def update(self, tensors: Iterable[Tensor], step: int) -> None:
        """Move the averages towards `tensors` after optimiser step `step` (from 0)."""
        d = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.averages, [t.detach().float() for t in tensors], 1 - d)

    @torch.no_grad()
    def swap(self, tensors: Iterable[Tensor]) -> None:
        """Exchange averages and weights; calling it twice restores both."""
        for average, tensor in zip(self.averages, tensors, strict=True):
            kept = tensor.detach().clone()
            tensor.copy_(average)
            average.copy_(kept)
