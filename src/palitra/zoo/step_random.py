"""Random numbers of one training step: drawn for the whole batch, each process keeping its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from palitra.zoo.batches import mixed


class StepRandom:
    """A pure function of (seed, step), the same on every device and for any number of processes."""

    def __init__(
        self,
        seed: int,
        step: int,
        batch: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.generator = torch.Generator().manual_seed(mixed(seed, step, 3))
        self.batch, self.device = batch, torch.device(device)
        self.rows = slice(rank * batch // ranks, (rank + 1) * batch // ranks)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal (B, *shape)."""
        return torch.randn(self.batch, *shape, generator=self.generator)[self.rows].to(self.device)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), (B, *shape)."""
        return torch.rand(self.batch, *shape, generator=self.generator)[self.rows].to(self.device)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Whole numbers in [0, high), (B, *shape)."""
        drawn = torch.randint(high, (self.batch, *shape), generator=self.generator)
        return drawn[self.rows].to(self.device)


@contextmanager
def seeded(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Dropout and layer noise as a function of (seed, step); the program's own stream stays as it was."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(mixed(seed, step, 4))
        yield
