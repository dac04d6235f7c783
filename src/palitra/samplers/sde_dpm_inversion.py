"""Inversion with stored noise for the stochastic DPM-Solver++ (LEDITS++: Brack et al., arXiv 2311.16711).

The edit-friendly inversion (arXiv 2304.06140) with second-order steps: with lambda half the log-SNR, h its
growth in a step and m the believed clean latents,

    mu = sqrt((1-b)/(1-a)) e^-h x + sqrt(b) (1 - e^-2h) (m + (h / 2 h_before) (m - m_before)),

and noise of variance (1-b) (1 - e^-2h). The first step has no step before it and the last ends in m itself.
As in `edit_friendly`, what is kept is the noise times its deviation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.core.sampler import Predict
from palitra.samplers.dpm_multistep import DPMSolverMultistep, History, half_log_snr
from palitra.samplers.independent_latents import AcrossTimes, independent_latents


def stochastic_mean(x: Tensor, m: Tensor, before: History | None, a: float, b: float) -> Tensor:
    """Mean of the step from signal power a to b < 1; `before` holds the step before, if there was one."""
    now = half_log_snr(a)
    h = half_log_snr(b) - now
    if before is not None and before.x0 is not None and now > before.log_snr:
        m = m + h / (2 * (now - before.log_snr)) * (m - before.x0)
    return math.sqrt((1 - b) / (1 - a)) * math.exp(-h) * x - math.sqrt(b) * math.expm1(-2 * h) * m


@dataclass(frozen=True)
class KeptNoiseDPMSolver(DPMSolverMultistep):
    """Second-order stochastic steps whose noise is given: `residues[i - first]` is added in step i.

    One prediction a step. It belongs to its residues' rows: all of them are walked together.
    """

    residues: Sequence[Tensor]
    first: int = 0

    def replace(self, state: History, x: Tensor) -> History:
        """Take the latent from outside and keep the history, which the residues were made for."""
        return History(x, state.x0, state.log_snr)

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
        """One step from t to the cleaner u; nothing is drawn."""
        p = predict(state.x, t, index, count)
        a = self.schedule.signal(t)
        mean = p.x0 if u < 0 else stochastic_mean(state.x, p.x0, state, a, self.schedule.signal(u))
        return History(mean + self.residues[index - self.first], p.x0, half_log_snr(a))


def sde_dpm_inversion(
    ask: AcrossTimes,
    x0: Tensor,
    times: Sequence[int],
    noise: Noise,
    first: int = 0,
    hooks: Hooks | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """The latents before step `first` and after each step, and each step's residue.

    x0: (B, C, h, w); noise: one stream a row. Cost: the times from `first` on, times the terms of `ask`.
    """
    latents = independent_latents(ask.schedule, x0, times, noise, first)
    walked = times[first:]
    believed = ask(latents[:-1], walked[:-1], hooks)
    residues: list[Tensor] = []
    before: History | None = None
    for i, p in enumerate(believed):
        a = ask.schedule.signal(walked[i])
        last = walked[i + 1] < 0
        mean = p.x0
        if not last:
            mean = stochastic_mean(latents[i], p.x0, before, a, ask.schedule.signal(walked[i + 1]))
        residues.append(latents[i + 1] - mean)
        before = History(latents[i], p.x0, half_log_snr(a))
    return latents, residues
