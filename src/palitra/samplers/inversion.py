"""DDIM inversion: a picture's latent walked back to the noise it could have come from."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from palitra.core.loop import invert
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.samplers.ddim import DDIM


def ddim_inversion(
    predictor: Predictor, x0: Tensor, times: Sequence[int], hooks: Hooks | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Invert a clean latent x0 (B, C, h, w) along `times` (noisy to clean, ending in -1).

    Returns the noise latent and the trajectory, whose entry i belongs to step i of a sampling along the
    same times. Inexact: each move uses the noise predicted one step too early (arXiv 2105.05233, app. F);
    the error falls with the number of steps and grows with guidance.
    """
    noise, trajectory = invert(DDIM(predictor.schedule), predictor, x0, times, hooks)
    return noise, trajectory
