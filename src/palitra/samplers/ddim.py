"""DDIM (Song et al., arXiv 2010.02502): deterministic at eta 0, ancestral at eta 1; with its inversion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from palitra.core.rng import Noise
from palitra.core.sampler import LatentState, Predict
from palitra.core.schedule import Schedule
from palitra.errors import InputError, check_range


@dataclass(frozen=True)
class DDIM(LatentState):
    """x_u = sqrt(b) x0 + sqrt(1 - b - sigma^2) eps + sigma z, b = abar_u (eq. 12).

    sigma = eta sqrt((1-b)/(1-a)) sqrt(1 - a/b) (eq. 16). State: the latent. One prediction per step.

    `back_told` is the time that an inverting move from u to the noisier t tells the network: the latent's
    own ("clean", u) or the one it goes to ("noisy", t).

    Raises:
        InputError: `eta` outside [0, 1], or eta > 0 without `noise`.
    """

    schedule: Schedule
    eta: float = 0.0
    back_told: Literal["clean", "noisy"] = "clean"

    def __post_init__(self) -> None:
        check_range("eta", self.eta, 0, 1)

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
        a, b = self.schedule.signal(t), self.schedule.signal(u)
        sigma = self.eta * math.sqrt((1 - b) / (1 - a)) * math.sqrt(max(0.0, 1 - a / b))
        x = math.sqrt(b) * p.x0 + math.sqrt(max(0.0, 1 - b - sigma**2)) * p.eps
        if sigma > 0:
            if noise is None:
                raise InputError(f"`noise` must be given for eta {self.eta:g}: its steps are random")
            x = x + sigma * noise.normal(x.shape[1:])
        return x

    def back(self, predict: Predict, state: Tensor, u: int, t: int, index: int, count: int) -> Tensor:
        """From the cleaner u to the noisier t with the noise predicted at u's latent (the usual inversion).

        The network knows no time -1: the clean picture is asked about at time 0. Where both times have
        the same signal power nothing moves, and the network is not asked.
        """
        a, b = self.schedule.signal(t), self.schedule.signal(u)
        if a == b:
            return state
        told = max(u, 0) if self.back_told == "clean" else t
        p = predict(state, told, index, count)
        x0 = (state - math.sqrt(1 - b) * p.eps) / math.sqrt(b)
        return math.sqrt(a) * x0 + math.sqrt(1 - a) * p.eps
