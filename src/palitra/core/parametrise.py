"""What a network predicts (noise, clean latent, velocity, flow), and the way between them.

x_t = a x0 + s eps with a = sqrt(abar_t), s = sqrt(1 - abar_t); v = a eps - s x0 (arXiv 2202.00512).
A rectified flow (arXiv 2209.03003) walks y = (1 - tau) x0 + tau eps and predicts eps - x0. With
tau = s / (a + s) its latent is y = x_t / (a + s), so everything but the network's own input may stay with
x_t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Parametrisation = Literal["epsilon", "sample", "v_prediction", "flow_prediction"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """A step's belief: the clean latent and the noise, both (B, C, h, w), consistent with x_t."""

    x0: Tensor
    eps: Tensor

    def detach(self) -> Prediction:
        """The same values without a graph."""
        return Prediction(self.x0.detach(), self.eps.detach())

    def plus_eps(self, delta: Tensor, abar: float) -> Prediction:
        """Add `delta` to the noise and move x0 so that both still explain the same x_t.

        At zero signal power x_t is all noise and eps cannot move: the prediction is returned as it is.
        """
        if abar == 0:
            return self
        return Prediction(self.x0 - math.sqrt((1 - abar) / abar) * delta, self.eps + delta)


def to_prediction(output: Tensor, x: Tensor, abar: float, kind: Parametrisation) -> Prediction:
    """Read a network output (B, C, h, w) at x (B, C, h, w) as clean latent and noise.

    Both come in the wider of the two dtypes: a float64 latent is not rounded by a network of float32.
    `epsilon` at abar = 0 carries no information about x0: x0 is then taken as 0.
    """
    output = output.to(torch.promote_types(output.dtype, x.dtype))
    a, s = math.sqrt(abar), math.sqrt(1 - abar)
    if kind == "v_prediction":
        return Prediction(a * x - s * output, s * x + a * output)
    if kind == "sample":
        return Prediction(output, (x - a * output) / s if s > 0 else output * 0)
    if kind == "flow_prediction":
        return Prediction((x - s * output) / (a + s), (x + a * output) / (a + s))
    return Prediction((x - s * output) / a if a > 0 else output * 0, output)


def velocity(prediction: Prediction, abar: float) -> Tensor:
    """V of a prediction."""
    return math.sqrt(abar) * prediction.eps - math.sqrt(1 - abar) * prediction.x0


def target_of(x0: Tensor, eps: Tensor, abar: Tensor, kind: Parametrisation) -> Tensor:
    """What a network of this kind should answer; `abar` broadcasts over x0 and eps (B, C, h, w)."""
    if kind == "v_prediction":
        return abar.sqrt() * eps - (1 - abar).sqrt() * x0
    if kind == "sample":
        return x0
    return eps if kind == "epsilon" else eps - x0
