"""Keeps the believed picture inside the range of pixels while a diffusion model draws."""

from __future__ import annotations

import math

from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step


class ClipPicture(Guider):
    """Clamps x0 to [-1, 1]; the noise moves so that both still explain the same x_t."""

    def combine(self, step: Step, merged: Prediction | None) -> Prediction | None:
        """The clamped prediction; without noise in x_t (abar 1) it is left alone."""
        if merged is None or step.abar >= 1:
            return merged
        x0 = merged.x0.clamp(-1, 1)
        return Prediction(x0, (step.x - math.sqrt(step.abar) * x0) / math.sqrt(1 - step.abar))
