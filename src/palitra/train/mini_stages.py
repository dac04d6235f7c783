"""Progressive resolution: the sizes mini learns at one after the other, with the same weights.

Small pictures cost a fraction of large ones (docs/decisions/0014). The U-Net is convolutional and the patch
code works per patch, so both take every size; optimiser and weights go on, the average begins anew with
every size, because the network of the size before is of little use at the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from palitra.train.config import MiniConfig


@dataclass(frozen=True)
class Stage:
    """Steps `first` to `first + steps` - 1 are made at `size` in batches of `batch`."""

    size: int
    batch: int
    first: int
    steps: int


def stages_of(config: MiniConfig) -> tuple[Stage, ...]:
    """All stages in their order; the last has the config's own size and batch."""
    sizes, batches = (*config.stages, config.size), (*config.stages_batch, config.batch)
    if len(batches) < len(sizes):
        batches = (config.batch,) * len(sizes)
    found: list[Stage] = []
    begun, first = 0.0, 0
    for size, batch, until in zip(sizes, batches, (*config.stages_until, 1.0), strict=True):
        steps = max(1, math.ceil(round((until - begun) * config.samples, 6) / batch))
        found.append(Stage(size, batch, first, steps))
        begun, first = until, first + steps
    return tuple(found)


def stage_at(config: MiniConfig, step: int) -> Stage:
    """The stage of a step; the last one for steps beyond the end."""
    stages = stages_of(config)
    return next((s for s in stages if step < s.first + s.steps), stages[-1])


def total_steps(config: MiniConfig) -> int:
    """Steps of all stages."""
    return sum(stage.steps for stage in stages_of(config))
