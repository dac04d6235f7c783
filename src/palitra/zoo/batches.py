"""Batches as a pure function of seed and step, so that a resumed run sees what it would have seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.zoo.labelled_images import LabelledImages


@dataclass(frozen=True, eq=False)
class Batch:
    """images float32 (B, C, H, W) in [-1, 1]; labels int64 (B,)."""

    images: Tensor
    labels: Tensor


class Batches:
    """Epochs in a new random order each; a batch may reach over into the next epoch."""

    def __init__(self, data: LabelledImages, batch: int, seed: int, flip: bool, device: torch.device) -> None:
        self.images, self.labels = data.images.to(device), data.labels.to(device)
        self.batch, self.seed, self.flip, self.device = batch, seed, flip, device
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, step: int, rank: int = 0, ranks: int = 1) -> Batch:
        """The batch of `step`; with several processes the rows of `rank`."""
        start, n = step * self.batch, len(self.images)
        index = torch.stack([self._row(i // n, i % n) for i in range(start, start + self.batch)])
        generator = torch.Generator().manual_seed(mixed(self.seed, step, 1))
        flips = torch.rand(self.batch, generator=generator) < 0.5
        rows = slice(rank * self.batch // ranks, (rank + 1) * self.batch // ranks)
        index, flips = index[rows].to(self.device), flips[rows].to(self.device)
        images = self.images[index].float() / 127.5 - 1
        if self.flip:
            images = torch.where(flips.view(-1, 1, 1, 1), images.flip(-1), images)
        return Batch(images, self.labels[index])

    def _row(self, epoch: int, position: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(mixed(self.seed, epoch, 2))
            self._order, self._epoch = torch.randperm(len(self.images), generator=generator), epoch
        return self._order[position]


def mixed(seed: int, step: int, stream: int) -> int:
    """A seed of its own for every (seed, step, stream); neighbours share nothing (splitmix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + stream * 0x94D049BB133111EB) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return (z ^ (z >> 31)) >> 1
