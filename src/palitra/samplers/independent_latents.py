"""A photo noised anew for every time, and what the network believes of all these latents.

Inversions with stored noise (arXiv 2304.06140, 2311.16711) draw the noise of each time independently.
No latent then needs the prediction at another one, so that the network is asked about many at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.core.condition import Condition, join
from palitra.core.parametrise import Prediction, to_prediction
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.errors import Cancelled
from palitra.models.diffusers_unet import DiffusersUNet

MOST_SAMPLES = 16
"""Samples of one call: enough to fill a device, few enough to fit where sampling does."""


def independent_latents(
    schedule: Schedule, x0: Tensor, times: Sequence[int], noise: Noise, first: int = 0
) -> list[Tensor]:
    """sqrt(abar) x0 + sqrt(1 - abar) n, a fresh n for each of `times[first:-1]`, then x0 itself.

    Drawn from clean to noisy: with the same seed another `first` changes no latent that both have.
    """
    latents = [x0]
    for t in reversed(times[first:-1]):
        a = schedule.signal(t)
        drawn = noise.normal(x0.shape[1:], x0.dtype)
        latents.append(math.sqrt(a) * x0 + math.sqrt(1 - a) * drawn)
    return latents[::-1]


@dataclass
class AcrossTimes:
    """Predictions sum_k weight_k p(condition_k) at many times, in calls of up to `most` samples.

    conditions of B rows, or one for all. `calls` and `samples` count as a predictor's do.
    """

    denoiser: DiffusersUNet
    schedule: Schedule
    terms: Sequence[tuple[Condition, float]]
    most: int = MOST_SAMPLES
    calls: int = 0
    samples: int = 0

    @torch.no_grad()
    def __call__(
        self, latents: Sequence[Tensor], times: Sequence[int], hooks: Hooks | None = None
    ) -> list[Prediction]:
        """A prediction for each pair of latents (B, C, h, w) and time.

        A call that does not fit the device's memory is made in halves.

        Raises:
            Cancelled: `hooks.cancelled()` said so between two calls.
        """
        rows = len(latents[0])
        at_once = max(1, self.most // (rows * len(self.terms)))
        made: list[Prediction] = []
        while len(made) < len(latents):
            if hooks and hooks.cancelled and hooks.cancelled():
                done = f"{len(made)} of {len(latents)} times"
                raise Cancelled(f"stopped on request after {done} of the inversion")
            now = slice(len(made), len(made) + at_once)
            try:
                made += self._ask(latents[now], times[now], rows)
            except torch.OutOfMemoryError:
                if at_once == 1:
                    raise
                at_once //= 2
        return made

    def _ask(self, latents: Sequence[Tensor], times: Sequence[int], rows: int) -> list[Prediction]:
        told = join([c.expand(rows) for c, _ in self.terms for _ in latents])
        x = torch.cat([*latents] * len(self.terms))
        t = torch.tensor(times, device=x.device).repeat_interleave(rows).repeat(len(self.terms))
        output = self.denoiser(x, t, told)
        self.calls, self.samples = self.calls + 1, self.samples + len(x)
        parts = output.unflatten(0, (len(self.terms), len(latents), rows))
        # predictions are affine in the output, and the weights sum to 1
        merged = sum(weight * part for (_, weight), part in zip(self.terms, parts, strict=True))
        assert isinstance(merged, torch.Tensor)
        kind = self.denoiser.parametrisation
        return [
            to_prediction(merged[i], x_t, self.schedule.signal(time), kind)
            for i, (x_t, time) in enumerate(zip(latents, times, strict=True))
        ]


def guided_terms(condition: Condition, negative: Condition, scale: float) -> list[tuple[Condition, float]]:
    """Classifier-free guidance as weights; scale 1 asks the condition alone, 0 the negative."""
    terms = [(negative, 1 - scale), (condition, scale)]
    return [(c, weight) for c, weight in terms if weight != 0]
