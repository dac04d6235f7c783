"""DDIM inversion in its three conventions: a picture's latent walked back to noise.

They differ in the time the network is told for the move from the latent at u to the noisier t:
- "noisy": t, the one it goes to (prompt-to-prompt's code, and diffusers' `DDIMInverseScheduler`);
- "clean": u, the latent's own (Guide-and-Rescale's code, and arXiv 2105.05233, appendix F);
- "fine": "clean" over every training step, of which the wanted ones are kept (plug-and-play's first code).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from palitra.core.loop import invert
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.samplers.ddim import DDIM

Convention = Literal["noisy", "clean", "fine"]


def ddim_inversion(
    predictor: Predictor,
    x0: Tensor,
    times: Sequence[int],
    hooks: Hooks | None = None,
    convention: Convention = "clean",
) -> tuple[Tensor, list[Tensor]]:
    """Invert a clean latent x0 (B, C, h, w) along `times` (noisy to clean, ending in -1).

    Returns the noise latent and the trajectory, whose entry i belongs to step i of a sampling along the
    same times. Inexact: each move uses the noise predicted one step too early; the error falls with the
    number of steps and grows with guidance. Cost: a call a step; "fine" takes `times[0]` calls.
    """
    if convention == "fine":
        every = [*range(times[0], -1, -1), -1]
        noise, trajectory = invert(DDIM(predictor.schedule), predictor, x0, every, hooks)
        return noise, [trajectory[every.index(t)] for t in times]
    sampler = DDIM(predictor.schedule, back_told=convention)
    noise, trajectory = invert(sampler, predictor, x0, times, hooks)
    return noise, trajectory
