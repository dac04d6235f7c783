"""Classifier-free guidance (Ho & Salimans, arXiv 2207.12598), and sampling without it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from palitra.core.branch import Branch
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step


class Conditional(Guider):
    """One branch, taken as it is."""

    def __init__(self, condition: Condition, name: str = "target") -> None:
        self.name = name
        self.branches = (Branch(name, condition),)

    def combine(self, step: Step, merged: Prediction | None) -> Prediction:
        """The branch's own prediction."""
        return step.predictions[self.name]


class ClassifierFree(Guider):
    """eps_u + scale (eps_c - eps_u): scale 1 is the conditional model, above it the prompt counts more.

    `rescale` in [0, 1] pulls the deviation of x0 back to the conditional one's (arXiv 2305.08891, eq. 15-16),
    per sample, against burnt colours at zero terminal SNR. A condition may depend on the step's index.
    Two branches, batched into one call.
    """

    def __init__(
        self,
        condition: Condition | Callable[[int], Condition],
        negative: Condition | Callable[[int], Condition],
        scale: float,
        rescale: float = 0.0,
        names: tuple[str, str] = ("target", "uncond"),
    ) -> None:
        self.scale, self.rescale, self.names = scale, rescale, names
        self.branches = (Branch(names[1], negative), Branch(names[0], condition))

    def combine(self, step: Step, merged: Prediction | None) -> Prediction:
        """Extrapolate from the negative to the conditional prediction."""
        c, u = (step.predictions[name] for name in self.names)
        x0 = u.x0 + self.scale * (c.x0 - u.x0)
        eps = u.eps + self.scale * (c.eps - u.eps)
        if self.rescale == 0:
            return Prediction(x0, eps)
        ratio = _deviation(c.x0) / _deviation(x0).clamp_min(1e-8)
        pulled = x0 * (self.rescale * ratio + 1 - self.rescale)
        # eps moves with x0, so that both still explain the same x_t
        shift = (x0 - pulled) * (step.abar / (1 - step.abar)) ** 0.5
        return Prediction(pulled, eps + shift)


def _deviation(x: Tensor) -> Tensor:
    return x.flatten(1).std(dim=1).view(-1, 1, 1, 1)
