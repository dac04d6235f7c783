"""What is known during one step: the time, the latent, the branches' predictions, recorded values."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from palitra.core.parametrise import Prediction


@dataclass(eq=False)
class Step:
    """Step `index` of `count` at time `t`; `stage` counts the calls of a second-order sampler.

    x: latent (B, C, h, w), requires grad when an energy acts. abar: signal power of t.
    predictions: by branch. seen: values kept by `Record`, by (branch, site).
    """

    index: int
    count: int
    t: int
    abar: float
    x: Tensor
    stage: int = 0
    predictions: dict[str, Prediction] = field(default_factory=dict)
    seen: dict[tuple[str, str], Tensor] = field(default_factory=dict)

    @property
    def progress(self) -> float:
        """Share of the steps already made, in [0, 1)."""
        return self.index / self.count


def within(index: int, count: int, since: float, until: float) -> bool:
    """Whether step `index` of `count` lies between two shares of the steps, each rounded to a whole step."""
    return round(since * count) <= index < round(until * count)
