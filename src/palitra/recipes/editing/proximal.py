"""Proximal guidance on negative-prompt inversion (ProxEdit, arXiv 2306.05414) with Prompt-to-Prompt."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from palitra.guiders.proximal import ProximalConfig, ProximalGuidance
from palitra.guiders.source import PHOTO, Alongside
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.prompt_to_prompt import PUBLISHED as PROMPT_TO_PROMPT
from palitra.recipes.editing.prompt_to_prompt import Published, prompt_to_prompt

OFFICIAL = ProximalConfig(0.75, with_photo=True, toward_photo="inversion", rate=1.0, recon_t=400, dilation=1)
"""As the released code is run, its quantile over photo and edit."""
SETTINGS = replace(OFFICIAL, quantile=0.5, with_photo=False, by_channel=False)
"""The same quantile of the edit alone. Whole cells change or stay: a cell with the photo's values in some
channels and the edit's in others decodes to grey squares in the embedded model."""


def proximal(job: EditJob) -> Tensor:
    """Published settings but for whole cells at strength 0.5: soft, inversion guidance at times below 400.

    Above it all that holds the photo falls, quantile and pull with it, at 1 to none: guidance away from the
    source words is left. Below it the quantile grows, at 0 to 1, which is the photo. Cost at 50 steps:
    50 + 150 forwards.
    """
    return edit_with(job, OFFICIAL if job.params.official else SETTINGS)


def edit_with(
    job: EditJob, config: ProximalConfig = SETTINGS, settings: Published = PROMPT_TO_PROMPT
) -> Tensor:
    """The method with the choices of both parts open."""
    path = job.trajectory()
    photo = Alongside(job.model.schedule, path[0], len(job.times) - 1, job.source)
    held = prompt_to_prompt(job, photo.track, settings)
    guide = ProximalGuidance(job.target, job.source, job.scale(), config.eased(job.ease), path)
    guiders = [guide, photo, *held.guiders]
    return job.run(guiders, path[0], taps=held.taps, tracks={PHOTO: photo.track}, path=path)
