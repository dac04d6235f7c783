"""What the loop asks of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from palitra.core.condition import Condition
from palitra.core.parametrise import Parametrisation
from palitra.core.tap import Bus


class Denoiser(Protocol):
    """A network that reads a noisy latent.

    It works in its own dtype; latents enter and leave in float32.
    """

    parametrisation: Parametrisation

    @property
    def sites(self) -> Sequence[str]:
        """Names of all places where taps may act, in the order of the forward pass."""
        ...

    def __call__(self, x: Tensor, t: int, condition: Condition, bus: Bus) -> Tensor:
        """One evaluation: x (B, C, h, w) at integer time t -> output (B, C, h, w)."""
        ...
