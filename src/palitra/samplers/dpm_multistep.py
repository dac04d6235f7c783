"""DPM-Solver++ multistep, data prediction (Lu et al., arXiv 2211.01095, algorithm 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from palitra.core.rng import Noise
from palitra.core.sampler import Predict
from palitra.core.schedule import SMALLEST_ABAR, Schedule


@dataclass(frozen=True, eq=False)
class History:
    """The latent, and the clean latent and half log-SNR of the step before (None at the start)."""

    x: Tensor
    x0: Tensor | None = None
    log_snr: float = 0.0


@dataclass(frozen=True)
class DPMSolverMultistep:
    """Second order from the second step on; the step to the clean picture is first order.

    A latent changed from outside (guided, projected) makes the history untrue: the next step is then
    first order, which is DDIM. So a guided run is DDIM while it is guided and second order afterwards.
    """

    schedule: Schedule

    def start(self, x: Tensor) -> History:
        """A latent without history."""
        return History(x)

    def image(self, state: History) -> Tensor:
        """The latent."""
        return state.x

    def replace(self, state: History, x: Tensor) -> History:
        """Take the latent from outside and forget the history."""
        return History(x)

    def rows(self, state: History, index: Sequence[int]) -> History:
        """Latents and history of the samples of `index`."""
        wanted = list(index)
        x0 = None if state.x0 is None else state.x0[wanted]
        return History(state.x[wanted], x0, state.log_snr)

    def step(
        self,
        predict: Predict,
        state: History,
        t: int,
        u: int,
        index: int,
        count: int,
        noise: Noise | None = None,
    ) -> History:
        """One step from t to the cleaner u; one prediction."""
        p = predict(state.x, t, index, count)
        a = self.schedule.signal(t)
        now = half_log_snr(a)
        if u < 0:
            return History(p.x0, p.x0, now)
        b = self.schedule.signal(u)
        then = half_log_snr(b)
        h = then - now
        data = p.x0
        if state.x0 is not None:
            r = (now - state.log_snr) / h
            data = p.x0 + (p.x0 - state.x0) / (2 * r)
        # sqrt(1-b)/sqrt(1-a) x - sqrt(b) (e^-h - 1) D, eq. 9 of the paper
        x = math.sqrt((1 - b) / (1 - a)) * state.x - math.sqrt(b) * math.expm1(-h) * data
        return History(x, p.x0, now)


def half_log_snr(abar: float) -> float:
    """Half the log of abar / (1 - abar); abar is at least 2^-24."""
    abar = max(abar, SMALLEST_ABAR)
    return 0.5 * math.log(abar / (1 - abar))
