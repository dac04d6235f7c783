"""The ancestral step of DDPM (Ho et al., arXiv 2006.11239), for any spacing of steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from palitra.core.rng import Noise
from palitra.core.sampler import LatentState, Predict
from palitra.core.schedule import Schedule
from palitra.errors import InputError


@dataclass(frozen=True)
class DDPM(LatentState):
    """x_u ~ N(mu(x_t, x0), var), mu of eq. 7, var one of the paper's two fixed choices.

    `small`: the posterior's own variance beta~; `large`: beta (section 3.2). When steps are left out
    (arXiv 2102.09672, section 4), alpha and beta are those of the longer step, so every training step
    in a row gives the papers' algorithm 2 exactly. `clip` clamps x0 to [-clip, clip] as pixel models do.
    """

    schedule: Schedule
    variance: Literal["small", "large"] = "small"
    clip: float | None = None

    def __post_init__(self) -> None:
        if self.variance not in ("small", "large"):
            raise InputError(f"`variance` must be small or large, got {self.variance}")

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
        """One random step from t to the cleaner u; the last step gives the mean.

        Raises:
            InputError: `noise` is missing.
        """
        if noise is None:
            raise InputError("`noise` must be given for DDPM: its steps are random")
        p = predict(state, t, index, count)
        x0 = p.x0 if self.clip is None else p.x0.clamp(-self.clip, self.clip)
        mean_x0, mean_x, variance = self.posterior(t, u)
        mean = mean_x0 * x0 + mean_x * state
        return mean if u < 0 else mean + math.sqrt(variance) * noise.normal(state.shape[1:])

    def posterior(self, t: int, u: int) -> tuple[float, float, float]:
        """Coefficients of x0 and x_t in the mean, and the variance, of the step t -> u."""
        a, b = self.schedule.signal(t), self.schedule.signal(u)
        alpha = a / b
        beta = 1 - alpha
        small = beta * (1 - b) / (1 - a)
        coefficient_x0 = math.sqrt(b) * beta / (1 - a)
        coefficient_x = math.sqrt(alpha) * (1 - b) / (1 - a)
        return coefficient_x0, coefficient_x, small if self.variance == "small" else beta
