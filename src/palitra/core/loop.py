"""The one loop: sampling, and its inversion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from palitra.core.guider import overrides
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks, StepEvent
from palitra.core.rng import Noise
from palitra.core.sampler import Sampler
from palitra.errors import Cancelled


def sample(
    sampler: Sampler,
    predictor: Predictor,
    x: Any,
    times: Sequence[int],
    noise: Noise | None = None,
    hooks: Hooks | None = None,
    first: int = 0,
    last: int | None = None,
) -> Any:
    """Walk from `times[0]` (noisy) to `times[-1]`; returns the sampler's state.

    x: latent (B, C, h, w) or a state of the sampler. `first` and `last` bound the steps made, so that
    a run can be looked at in the middle and gone on with; a step's index is always that of the whole.

    Raises:
        Cancelled: `hooks.cancelled()` said so.
    """
    hooks = hooks or Hooks()
    state = sampler.start(x) if torch.is_tensor(x) else x
    count = len(times) - 1
    for index in range(first, count if last is None else last):
        if hooks.cancelled and hooks.cancelled():
            raise Cancelled(f"stopped on request after step {index} of {count}")
        t, u = times[index], times[index + 1]
        before = sampler.image(state)
        state = sampler.step(predictor, state, t, u, index, count, noise)
        state = _apply(sampler, predictor, state, before, u, index, count)
        if hooks.on_step and predictor.merged is not None:
            hooks.on_step(StepEvent(index, count, t, sampler.image(state), predictor.merged.x0))
    return state


def _apply(
    sampler: Sampler, predictor: Predictor, state: Any, before: Tensor, u: int, index: int, count: int
) -> Any:
    """Add gradients that wait for the step just made, then let projectors replace what is theirs."""
    x = made = sampler.image(state)
    for waiting in predictor.latent_gradients:
        x = x + waiting.guider.balance(waiting.gradient, waiting.step, waiting.merged, made - before)
    for guider in predictor.guiders:
        if overrides(guider, "project"):
            x = guider.project(x, u, index, count)
    return state if x is made else sampler.replace(state, x)


def invert(
    sampler: Any,
    predictor: Predictor,
    x: Any,
    times: Sequence[int],
    hooks: Hooks | None = None,
    first: int = 0,
) -> tuple[Any, list[Tensor]]:
    """Walk from clean to noisy; returns the state before step `first` and the trajectory.

    The trajectory is aligned newest-noise-first with `times`, so that step `index` of a later
    sampling finds its latent at `trajectory[index - first]`.
    """
    hooks = hooks or Hooks()
    state = sampler.start(x) if torch.is_tensor(x) else x
    count = len(times) - 1
    trajectory = [sampler.image(state)]
    for index in reversed(range(first, count)):
        if hooks.cancelled and hooks.cancelled():
            raise Cancelled(
                f"stopped on request with {index + 1 - first} of {count - first} inversion steps to go"
            )
        state = sampler.back(predictor, state, times[index + 1], times[index], index, count)
        trajectory.append(sampler.image(state))
    return state, trajectory[::-1]
