"""Step events, cancellation and previews."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class StepEvent:
    """After step `index` of `count`: the latent, and the clean latent believed at it (a preview)."""

    index: int
    count: int
    t: int
    latent: Tensor
    x0: Tensor


@dataclass(frozen=True)
class Hooks:
    """`on_step` sees every event; `cancelled` is asked before every step and stops the run by `Cancelled`."""

    on_step: Callable[[StepEvent], None] | None = None
    cancelled: Callable[[], bool] | None = None
