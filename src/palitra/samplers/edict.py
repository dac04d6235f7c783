"""EDICT: an exact inversion by two coupled latents (Wallace et al., arXiv 2211.12446).

A step moves x by the noise predicted at y and y by the noise predicted at x, then mixes the two so that
they stay together; each part can be undone exactly (eq. 14-15). We differ from the paper in alternating
which of the two moves first, as the authors' code does ("leapfrog").

Undoing a mix divides x - y by mix^2, so rounding grows by up to mix^-2n over n steps (1400 times over
50). The pair and its arithmetic are therefore float64, 128 KiB for SD 1.x, while the network runs in its
own precision: it has only to give the same answer to the same question, in a batch of the same size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.core.rng import Noise
from palitra.core.sampler import Predict
from palitra.core.schedule import Schedule
from palitra.errors import ComposeError, InputError


@dataclass(frozen=True, eq=False)
class Pair:
    """Two latents of the same picture, float64 (B, C, h, w)."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class EDICT:
    """Two predictions a step, both at the step's noisier time, in either direction.

    mix: weight p of a latent in its own mix, .90 to .97 at 50 steps. first: the step that the walk sets
    out from; the order of the two alternates from there, so both directions must be told the same.

    Raises:
        InputError: `mix` outside (0, 1].
    """

    schedule: Schedule
    mix: float = 0.93
    first: int = 0

    coupled = True

    def __post_init__(self) -> None:
        if not 0 < self.mix <= 1:
            raise InputError(f"`mix` must be in (0, 1], got {self.mix:g}")

    def start(self, x: Tensor) -> Pair:
        """The latent twice."""
        # kernels are chosen by layout, and other kernels give other last digits
        wide = x.to(torch.float64).contiguous()
        return Pair(wide, wide)

    def image(self, state: Pair) -> Tensor:
        """The first of the two."""
        return state.x

    def replace(self, state: Pair, x: Tensor) -> Pair:
        """Refused: one of a coupled pair cannot be moved alone."""
        raise ComposeError("EDICT couples two latents: use DDIM with what moves the latent itself")

    def rows(self, state: Pair, index: Sequence[int]) -> Pair:
        """Both latents of the samples of `index`."""
        wanted = list(index)
        return Pair(state.x[wanted], state.y[wanted])

    def step(
        self,
        predict: Predict,
        state: Pair,
        t: int,
        u: int,
        index: int,
        count: int,
        noise: Noise | None = None,
    ) -> Pair:
        """One step from t to the cleaner u."""
        keep, add = self._move(t, u)
        x, y = state.x, state.y
        for stage, one in enumerate(self._order(index)):
            if one == "x":
                x = keep * x + add * predict(y, t, index, count, stage).eps
            else:
                y = keep * y + add * predict(x, t, index, count, stage).eps
        x = self.mix * x + (1 - self.mix) * y
        y = self.mix * y + (1 - self.mix) * x
        return Pair(x, y)

    def back(self, predict: Predict, state: Pair, u: int, t: int, index: int, count: int) -> Pair:
        """The same step undone: from the cleaner u to t."""
        keep, add = self._move(t, u)
        y = (state.y - (1 - self.mix) * state.x) / self.mix
        x = (state.x - (1 - self.mix) * y) / self.mix
        for stage, one in enumerate(reversed(self._order(index))):
            if one == "x":
                x = (x - add * predict(y, t, index, count, stage).eps) / keep
            else:
                y = (y - add * predict(x, t, index, count, stage).eps) / keep
        return Pair(x, y)

    def _order(self, index: int) -> str:
        """Which of the two moves first."""
        return "yx" if (index - self.first) % 2 else "xy"

    def _move(self, t: int, u: int) -> tuple[float, float]:
        """DDIM's step as keep * x + add * eps."""
        a, b = self.schedule.signal(t), self.schedule.signal(u)
        return math.sqrt(b / a), math.sqrt(1 - b) - math.sqrt(b * (1 - a) / a)
