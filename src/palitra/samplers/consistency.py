"""Multistep consistency sampling (Song et al., arXiv 2303.01469, algorithm 1).

A consistency function maps any x_t to the clean end of its trajectory. Ours is the clean latent that a
v-predicting network believes in, f(x_t, t) = sqrt(abar) x_t - sqrt(1 - abar) v(x_t, t): at the clean end it
is x itself whatever the network says, the boundary condition that the paper builds from c_skip and c_out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.core.rng import MAX_SEED, Noise
from palitra.core.sampler import LatentState, Predict
from palitra.core.schedule import Schedule
from palitra.errors import InputError

_SPREAD = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Consistency(LatentState):
    """x_u = sqrt(b) f(x_t, t) + sqrt(1 - b) z with fresh z for every sample; the last step gives f.

    `steady`: z depends on a sample's seed and the step alone, not on what was drawn from its stream before,
    so that a drawing that changes a little changes its picture a little. One prediction a step.
    """

    schedule: Schedule
    steady: bool = True

    def step(
        self,
        predict: Predict,
        state: Tensor,
        t: int,
        u: int,
        index: int,
        count: int,
        noise: Noise | None = None,
    ) -> Tensor:
        """From time t to the cleaner u.

        Raises:
            InputError: `noise` is missing before the last step.
        """
        clean = predict(state, t, index, count).x0
        if u < 0:
            return clean
        if noise is None:
            raise InputError("`noise` must be given for consistency sampling: its steps are random")
        b = self.schedule.signal(u)
        shape = clean.shape[1:]
        z = steady_noise(noise, shape, index) if self.steady else noise.normal(shape)
        return math.sqrt(b) * clean + math.sqrt(1 - b) * z


def steady_noise(noise: Noise, shape: tuple[int, ...] | torch.Size, index: int) -> Tensor:
    """Normal noise (B, *shape) that is a function of each sample's seed and the step `index`."""
    rows = []
    for seed in noise.seeds:
        # streams of neighbouring seeds and steps must not meet: spread them over all seeds
        mixed = (seed + (index + 1) * _SPREAD) % (MAX_SEED + 1)
        rows.append(torch.randn(tuple(shape), generator=torch.Generator().manual_seed(mixed)))
    return torch.stack(rows).to(noise.device)
