"""SDEdit (Meng et al., arXiv 2108.01073): noise the photo part of the way, let the words take it back."""

from __future__ import annotations

import math

from torch import Tensor

from palitra.guiders.cfg import ClassifierFree
from palitra.recipes.editing.job import EditJob


def sdedit(job: EditJob) -> Tensor:
    """Strength is the share of the steps that are walked, from sqrt(abar) x0 + sqrt(1 - abar) noise.

    At 0 it is the photo itself, at 1 only the words count. The seed draws the noise; the steps are DDIM's
    and not the paper's stochastic ones, as is usual since latent diffusion. The source words are not
    looked at. Cost: 2 samples a step walked, 50 at the default of 50 steps.
    """
    steps = job.params.steps
    first = steps - round(job.params.strength * steps)
    if first == steps:
        return job.x0
    abar = job.model.schedule.signal(job.times[first])
    start = math.sqrt(abar) * job.x0 + math.sqrt(1 - abar) * job.noise.normal(job.x0.shape[1:])
    return job.run([ClassifierFree(job.target, job.empty, job.scale())], start, first=first)
