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
    noise = job.noise.normal(job.x0.shape[1:])
    signals = [job.model.schedule.signal(t) for t in job.times[:-1]]
    path = [*(math.sqrt(a) * job.x0 + math.sqrt(1 - a) * noise for a in signals), job.x0]
    return job.run([ClassifierFree(job.target, job.empty, job.scale())], path[first], first=first, path=path)
