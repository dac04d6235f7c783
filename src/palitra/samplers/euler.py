"""Euler steps of the probability-flow equation dx/dsigma = eps (Karras et al., arXiv 2206.00364)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from palitra.core.rng import Noise
from palitra.core.sampler import LatentState, Predict
from palitra.core.schedule import Schedule
from palitra.errors import InputError, check_range


@dataclass(frozen=True)
class Euler(LatentState):
    """y' = y + (sigma' - sigma) eps, where y = x sqrt(1 + sigma^2) is the variance-exploding latent.

    `ancestral` in [0, 1] is the share of new noise: part of sigma' is reached by stepping further down and
    adding noise (k-diffusion's `eta`). Without it the step is DDIM's with eta 0, and no randomness enters.
    At zero terminal SNR the first sigma is 4096 (see `Schedule.sigma`).
    """

    schedule: Schedule
    ancestral: float = 0.0

    def __post_init__(self) -> None:
        check_range("ancestral", self.ancestral, 0, 1)

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
        """One step from t to the cleaner u."""
        p = predict(state, t, index, count)
        now, then = self.schedule.sigma(t), self.schedule.sigma(u)
        up = self.ancestral * min(then, math.sqrt(then**2 * (now**2 - then**2) / now**2)) if then > 0 else 0.0
        down = math.sqrt(then**2 - up**2)
        # x0 + sigma' eps is y + (sigma' - sigma) eps without the loss of digits at large sigma
        y = p.x0 + down * p.eps
        if up > 0:
            if noise is None:
                raise InputError(
                    f"`noise` must be given for ancestral {self.ancestral:g}: its steps are random"
                )
            y = y + up * noise.normal(y.shape[1:])
        return y / math.sqrt(1 + then**2)

    def back(self, predict: Predict, state: Tensor, u: int, t: int, index: int, count: int) -> Tensor:
        """From the cleaner u to the noisier t, with the noise predicted at u."""
        p = predict(state, max(u, 0), index, count)
        now, then = self.schedule.sigma(t), self.schedule.sigma(u)
        y = state * math.sqrt(1 + then**2) + (now - then) * p.eps
        return y / math.sqrt(1 + now**2)
