"""Edit-friendly DDPM inversion (Huberman-Spiegelglas et al., arXiv 2304.06140).

The photo's latents x_t are drawn independently for every time; the noise of a step is what carries x_t to
the next of them, z_t = (x_u - mu(x_t)) / sigma_t (section 3), with mu and sigma of the full ancestral step
(DDIM with eta 1). Sampling with these z gives the photo; with other words, an edit of it.

Kept is the residue sigma_t z_t = x_u - mu(x_t), which also exists where sigma is 0: so the last move, which
the authors' code leaves without noise, is undone exactly too (`official`: its residue is 0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.core.parametrise import Prediction
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.core.sampler import LatentState, Predict
from palitra.core.schedule import Schedule
from palitra.samplers.independent_latents import AcrossTimes, independent_latents


def ancestral_mean(p: Prediction, a: float, b: float) -> Tensor:
    """Mean of the ancestral step from signal power a to b: sqrt(b) x0 + sqrt(1 - b - sigma^2) eps."""
    variance = (1 - b) / (1 - a) * (1 - a / b)
    return math.sqrt(b) * p.x0 + math.sqrt(max(0.0, 1 - b - variance)) * p.eps


@dataclass(frozen=True, eq=False)
class EditFriendlyDDPM(LatentState):
    """Ancestral steps whose noise is given: `residues[i - first]` is added in step i. One prediction a step.

    It belongs to its residues' rows: all of them are walked together.
    """

    schedule: Schedule
    residues: Sequence[Tensor]
    first: int = 0

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
        """One step from t to the cleaner u; nothing is drawn."""
        p = predict(state, t, index, count)
        mean = ancestral_mean(p, self.schedule.signal(t), self.schedule.signal(u))
        return mean + self.residues[index - self.first]


def edit_friendly_inversion(
    ask: AcrossTimes,
    x0: Tensor,
    times: Sequence[int],
    noise: Noise,
    first: int = 0,
    hooks: Hooks | None = None,
    official: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """The latents before step `first` and after each step, and each step's residue.

    x0: (B, C, h, w); noise: one stream a row. Cost: the times from `first` on, times the terms of `ask`.
    """
    latents = independent_latents(ask.schedule, x0, times, noise, first)
    walked = times[first:]
    signals = [ask.schedule.signal(t) for t in walked]
    believed = ask(latents[:-1], walked[:-1], hooks)
    residues = [
        latents[i + 1] - ancestral_mean(p, signals[i], signals[i + 1]) for i, p in enumerate(believed)
    ]
    if official:
        residues[-1] = torch.zeros_like(residues[-1])
    return latents, residues
