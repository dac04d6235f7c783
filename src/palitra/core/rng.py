"""One random stream per sample, so that a picture does not depend on its batch mates or device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from palitra.errors import InputError

MAX_SEED = 2**63 - 1


class Noise:
    """Normal noise from one CPU generator per seed, moved to `device` afterwards."""

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu") -> None:
        for seed in seeds:
            if not 0 <= seed <= MAX_SEED:
                raise InputError(f"`seed` must be in [0, {MAX_SEED}], got {seed}")
        self.seeds = tuple(seeds)
        self.device = torch.device(device)
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Fresh noise (B, *shape), one row from each sample's own stream."""
        rows = [torch.randn(tuple(shape), generator=g, dtype=dtype) for g in self.generators]
        return torch.stack(rows).to(self.device)

    def keep(self, index: Sequence[int]) -> None:
        """Go on with only the samples of `index`, their streams where they stand."""
        self.seeds = tuple(self.seeds[i] for i in index)
        self.generators = [self.generators[i] for i in index]
