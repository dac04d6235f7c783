"""The photo's own branch beside an edit, for taps and energies that read it.

Editors that swap attention or features run a source branch with every step. Where its latent comes
from is what tells inversions apart: off the recorded trajectory (Direct Inversion, arXiv 2310.01506: the
source is put back on its path before each step, which is the same as reading the path), or sampled
along with the edit, where it drifts as the inversion's error lets it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import overload

from torch import Tensor

from palitra.core.branch import Branch
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.schedule import Schedule
from palitra.core.step import Step, within

SOURCE = "source"
PHOTO = "photo"
Conditions = Condition | Callable[[int], Condition]


class Watch(Guider):
    """Runs the source on the recorded trajectory `photo`; adds nothing to the prediction.

    since, until: shares of the steps between which it is read; outside them it costs nothing.
    """

    def __init__(
        self,
        condition: Conditions,
        until: float = 1.0,
        name: str = SOURCE,
        track: str = PHOTO,
        since: float = 0.0,
    ) -> None:
        self.since, self.until = since, until
        self.branches = (Branch(name, condition, track),)

    def branches_at(self, index: int, count: int) -> tuple[Branch, ...]:
        """None where nothing reads it."""
        return self.branches if within(index, count, self.since, self.until) else ()


class GrowingTrack(Sequence[Tensor]):
    """A trajectory that is written as it is read: entry i exists once step i begins."""

    def __init__(self, start: Tensor, count: int) -> None:
        self.latents, self.steps = [start], count

    def __len__(self) -> int:
        return self.steps

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor]:
        return self.latents[index]


class Alongside(Guider):
    """Samples the source along with the edit by DDIM steps of its own, from the noise `start`.

    With `negative` and `scale` the source is guided too. Hand `track` to the predictor under the name
    `photo`. Costs one sample per step, two when guided.
    """

    def __init__(
        self,
        schedule: Schedule,
        start: Tensor,
        count: int,
        condition: Conditions,
        negative: Conditions | None = None,
        scale: float = 1.0,
    ) -> None:
        self.schedule, self.scale = schedule, scale
        self.track = GrowingTrack(start, count)
        self.branches = (Branch(SOURCE, condition, PHOTO),)
        if negative is not None:
            self.branches = (Branch(f"{SOURCE} negative", negative, PHOTO), *self.branches)
        self._believed: Prediction | None = None

    def combine(self, step: Step, merged: Prediction | None) -> Prediction | None:
        """Remember what the source believes; the edit's prediction stays as it is."""
        c = step.predictions[SOURCE]
        if len(self.branches) == 2:
            u = step.predictions[f"{SOURCE} negative"]
            c = Prediction(u.x0 + self.scale * (c.x0 - u.x0), u.eps + self.scale * (c.eps - u.eps))
        self._believed = c
        return merged

    def project(self, x: Tensor, u: int, index: int, count: int) -> Tensor:
        """Move the source on; the edit's latent stays as it is."""
        assert self._believed is not None
        b = self.schedule.signal(u)
        self.track.latents.append(math.sqrt(b) * self._believed.x0 + math.sqrt(1 - b) * self._believed.eps)
        return x
