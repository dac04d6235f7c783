"""Heun's second-order steps (Karras et al., arXiv 2206.00364, algorithm 1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from palitra.core.rng import Noise
from palitra.core.sampler import LatentState, Predict
from palitra.core.schedule import SMALLEST_ABAR, Schedule


@dataclass(frozen=True)
class Heun(LatentState):
    """Euler to u, then the mean of the slopes at both ends.

    The last step to sigma 0 stays Euler, and so does one from (almost) zero SNR: a mean of slopes over an
    endless stretch of sigma says nothing. Two predictions per other step (stages 0 and 1), so n steps cost
    2n - 1, or 2n - 2 from zero SNR. Latents are variance-preserving; the step is made on
    y = x sqrt(1 + sigma^2).
    """

    schedule: Schedule

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
        now, then = self.schedule.sigma(t), self.schedule.sigma(u)
        p = predict(state, t, index, count)
        if u < 0:
            return p.x0
        scale = math.sqrt(1 + then**2)
        # y' = x0 + sigma' eps: the Euler guess without the loss of digits at large sigma
        guess = (p.x0 + then * p.eps) / scale
        if self.schedule.signal(t) <= SMALLEST_ABAR:
            return guess
        q = predict(guess, u, index, count, 1)
        # (sigma' - sigma) (d + d') / 2 added to y = x0 + sigma eps
        y = p.x0 + now * p.eps + (then - now) * 0.5 * (p.eps + q.eps)
        return y / scale
