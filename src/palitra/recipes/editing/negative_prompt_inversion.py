"""Negative-prompt inversion (arXiv 2305.16807) with Prompt-to-Prompt.

The source words stand where the empty prompt stands in guidance. The photo's own two halves are then equal
and guidance drops out of its reconstruction, so that one branch without guidance gives the same photo.
"""

from __future__ import annotations

from torch import Tensor

from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.source import PHOTO, Alongside
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.prompt_to_prompt import PUBLISHED, Published, prompt_to_prompt


def negative_prompt_inversion(job: EditJob) -> Tensor:
    """Published settings at strength 0.5; the photo is sampled along from its noise.

    Strength moves the shares of the steps in which the photo's attention is held, and the threshold of local
    blend: doubled at 0, none at 1, where guidance away from the source words is left. Cost at 50 steps:
    50 + 150 forwards.
    """
    return edit_with(job)


def edit_with(job: EditJob, settings: Published = PUBLISHED) -> Tensor:
    """The method with Prompt-to-Prompt's choices open."""
    path = job.trajectory()
    photo = Alongside(job.model.schedule, path[0], len(job.times) - 1, job.source)
    held = prompt_to_prompt(job, photo.track, settings)
    guide = ClassifierFree(job.target, job.source, job.scale())
    guiders = [guide, photo, *held.guiders]
    return job.run(guiders, path[0], taps=held.taps, tracks={PHOTO: photo.track}, path=path)
