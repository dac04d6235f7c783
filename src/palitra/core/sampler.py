"""What the loop asks of a sampler and of an inverter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from palitra.core.parametrise import Prediction
from palitra.core.rng import Noise


class Predict(Protocol):
    """A guided denoiser: what samplers call."""

    def __call__(self, x: Tensor, t: int, index: int, count: int, stage: int = 0) -> Prediction:
        """Prediction for x (B, C, h, w) at time t, step `index` of `count`."""
        ...


class Sampler(Protocol):
    """Makes steps over a state of its own: a latent, a pair, or a latent with a history."""

    def start(self, x: Tensor) -> Any:
        """The state for a latent."""
        ...

    def image(self, state: Any) -> Tensor:
        """The latent of a state."""
        ...

    def step(
        self, predict: Predict, state: Any, t: int, u: int, index: int, count: int, noise: Noise | None
    ) -> Any:
        """From time t to the cleaner time u (-1: the end). `noise` serves stochastic samplers."""
        ...

    def replace(self, state: Any, x: Tensor) -> Any:
        """The state with its latent changed from outside (guided or projected)."""
        ...

    def rows(self, state: Any, index: Sequence[int]) -> Any:
        """The state of only the samples of `index`."""
        ...


class LatentState:
    """What samplers share whose state is the latent itself."""

    def start(self, x: Tensor) -> Tensor:
        """The latent."""
        return x

    def image(self, state: Tensor) -> Tensor:
        """The latent."""
        return state

    def replace(self, state: Tensor, x: Tensor) -> Tensor:
        """The latent from outside."""
        return x

    def rows(self, state: Tensor, index: Sequence[int]) -> Tensor:
        """The latents of the samples of `index`."""
        return state[list(index)]


class Inverter(Protocol):
    """A sampler's way back."""

    def back(self, predict: Predict, state: Any, u: int, t: int, index: int, count: int) -> Any:
        """From the cleaner time u to the noisier time t."""
        ...
