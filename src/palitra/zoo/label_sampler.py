"""Which classes to draw: uniformly, as a data set has them, by weights, or so many of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.errors import InputError


@dataclass(frozen=True)
class LabelSampler:
    """Class shares, not negative, in any scale; at least one above 0."""

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.weights or min(self.weights) < 0 or sum(self.weights) <= 0:
            raise InputError(f"`weights` must be at least 0 and not all 0, got {list(self.weights)}")

    @classmethod
    def uniform(cls, classes: int) -> LabelSampler:
        """Every class equally often."""
        return cls((1.0,) * classes)

    @classmethod
    def empirical(cls, labels: Tensor, classes: int) -> LabelSampler:
        """As often as in `labels`."""
        return cls(tuple(torch.bincount(labels, minlength=classes).double().tolist()))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """int64 (count,)."""
        return torch.multinomial(torch.tensor(self.weights), count, replacement=True, generator=generator)


def fixed_counts(counts: Sequence[int]) -> Tensor:
    """So many labels of every class, in order."""
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(list(counts), dtype=torch.int64))
