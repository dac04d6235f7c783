"""DDIM inversion and the new words (Song et al., arXiv 2010.02502): the ground every editor starts from."""

from __future__ import annotations

from torch import Tensor

from palitra.guiders.cfg import ClassifierFree
from palitra.recipes.editing.job import EditJob


def ddim(job: EditJob) -> Tensor:
    """Invert under the source words, sample under the target's.

    Strength moves where the edit sets out from: 1 from pure noise, 0.5 from three quarters of the path, as
    far as the method has a usual value; 0 from half of it. Cost: steps + 2 steps forwards.
    """
    path = job.trajectory()
    first = round((1 - job.params.strength) / 2 * job.params.steps)
    return job.run([ClassifierFree(job.target, job.empty, job.scale())], path[first], first=first, path=path)
