"""Guiders: what steers a step."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from palitra.core.attention import AttentionTap
from palitra.core.branch import Branch
from palitra.core.parametrise import Prediction
from palitra.core.step import Step
from palitra.core.tap import Tap


class Guider:
    """Does any of three things; a subclass overrides what it does and leaves the rest.

    combine: merges the branches' predictions. energy: per-sample scalars (B,) whose gradient with
    respect to the latent is added, into the prediction or into the next latent. project: replaces
    part of the next latent.
    """

    branches: tuple[Branch, ...] = ()
    taps: tuple[Tap | AttentionTap, ...] = ()
    gradient_branches: tuple[str, ...] = ()
    """Branches whose forward pass the energy differentiates."""
    uses_prediction: bool = False
    """Whether the energy looks at the network's output, not only at tapped values."""
    into: Literal["prediction", "latent"] = "prediction"

    def acts(self, index: int, count: int) -> bool:
        """Whether energy and taps are at work in this step."""
        return True

    def branches_at(self, index: int, count: int) -> tuple[Branch, ...]:
        """The branches that this step needs: fewer than `branches` where nothing reads one of them."""
        return self.branches

    def combine(self, step: Step, merged: Prediction | None) -> Prediction | None:
        """Merge predictions; `merged` is what earlier guiders made of them."""
        return merged

    def energy(self, step: Step) -> Tensor | None:
        """Scalars (B,) to lower, or None when there is nothing to do."""
        return None

    def balance(self, gradient: Tensor, step: Step, merged: Prediction, shift: Tensor | None) -> Tensor:
        """Turn the energy's gradient (B, C, h, w) into what is added; `shift` is the step just made."""
        return gradient

    def project(self, x: Tensor, u: int, index: int, count: int) -> Tensor:
        """Replace part of the next latent x (B, C, h, w) of time u."""
        return x


def overrides(guider: Guider, name: str) -> bool:
    """Whether a guider does `combine`, `energy` or `project` itself."""
    return getattr(type(guider), name) is not getattr(Guider, name)
