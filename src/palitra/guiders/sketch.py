"""Sketch guidance by a latent edge predictor (Voynov et al., arXiv 2211.13752, section 3.2).

L = sum w (P(F(x_t | t, c), t) - E(e))^2, and after the step x_{t-1} <- x_{t-1} - alpha grad L with
alpha = beta ||x_t - x_{t-1}|| / ||grad L||, all per sample. The gradient goes through the conditional
branch only, and nothing above the last tap is in its graph.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.balance import norms, step_ratio
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step
from palitra.core.tap import Record
from palitra.errors import InputError, check_range
from palitra.models.edge_predictor import EdgePredictor


class SketchGuidance(Guider):
    """Pulls the picture's predicted edges towards `target`.

    target: edge latent E(e), (1 or B, C, h, w). beta: length of the pull in steps, about 1. stop: the share S
    of the schedule that stays unguided at the end, in [0, 1]. weight: (1 or B, 1, h, w) >= 0, where the
    sketch binds. `errors` holds the last energies (B,), which rank seeds; `skipped` counts samples and
    steps whose gradient vanished or was not finite.
    """

    into = "latent"

    def __init__(
        self,
        predictor: EdgePredictor,
        target: Tensor,
        beta: float,
        stop: float = 0.5,
        weight: Tensor | None = None,
        branch: str = "target",
    ) -> None:
        check_range("stop", stop, 0, 1)
        if beta < 0:
            raise InputError(f"`beta` must be at least 0, got {beta:g}")
        self.predictor, self.target, self.beta, self.stop = predictor, target, beta, stop
        self.weight, self.branch = weight, branch
        self.gradient_branches = (branch,)
        self.taps = (Record("|".join(predictor.config.taps), (branch,)),)
        self.errors: Tensor | None = None
        self.skipped = 0

    def acts(self, index: int, count: int) -> bool:
        """Guided while more than `stop` of the steps are left."""
        return self.beta > 0 and index < round((1 - self.stop) * count)

    def energy(self, step: Step) -> Tensor:
        """Squared error of the predicted edge latent, (B,)."""
        predicted = predict_edges(self.predictor, step, self.branch, self.target.shape[-2:])
        error = (predicted - self.target).square()
        if self.weight is not None:
            error = error * self.weight
        energy = error.sum((1, 2, 3))
        self.errors = energy.detach()
        return energy

    def balance(self, gradient: Tensor, step: Step, merged: Prediction, shift: Tensor | None) -> Tensor:
        """As long as beta times the step just made."""
        assert shift is not None
        size = norms(gradient)
        self.skipped += int((~torch.isfinite(size) | (size < 1e-12)).sum())
        return step_ratio(gradient, shift, self.beta)


def predict_edges(predictor: EdgePredictor, step: Step, branch: str, size: tuple[int, ...]) -> Tensor:
    """The edge latent (B, C, h, w) that the predictor reads off a step's recorded activations."""
    features = [step.seen[branch, site] for site in predictor.config.taps]
    t = torch.full((len(features[0]),), step.t, device=features[0].device)
    return predictor(features, t, (size[0], size[1]))


def stroke_band(lines: Tensor, size: tuple[int, int], radius: float = 0.12) -> Tensor:
    """Weight map (B, 1, *size): 1 on a stroke, a half at `radius` (share of the side), 0 from twice that on.

    For partial sketches: what was left empty is left to the model. lines: (B, 1, H, W), 1 = ink.
    """
    reach = max(1, round(radius * lines.shape[-1]))
    kernel = 2 * reach + 1
    near = F.max_pool2d(lines.float(), kernel, stride=1, padding=reach)
    soft = F.avg_pool2d(near, kernel, stride=1, padding=reach, count_include_pad=False)
    return F.adaptive_avg_pool2d(torch.maximum(soft, lines.float()), size)
