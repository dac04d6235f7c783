"""MasaCtrl with proximal guidance (ProxEdit, arXiv 2306.05414, section 3.3)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from palitra.guiders.proximal import ProximalConfig, ProximalGuidance
from palitra.guiders.source import PHOTO
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.masactrl import photo_beside, shares
from palitra.taps.masactrl import MutualSelfAttention, mutual_sites

PUBLISHED = ProximalConfig(quantile=0.6)


def proximal_masactrl(job: EditJob) -> Tensor:
    """Published settings at strength 0.5: MasaCtrl's layers and steps, quantile 0.6, soft.

    The photo is told the source words in both halves. Above 0.5 the steps in which it is read and the
    quantile fall, at 1 to none: plain guidance from the photo's noise. Below it the quantile grows, at 0 to
    1: the unguided sample that looks into the photo. Cost at 50 steps: at most 50 + 150 forwards.
    """
    return edit_with(job)


def edit_with(
    job: EditJob,
    config: ProximalConfig = PUBLISHED,
    uncond: Literal["source", "joint"] = "source",
    negative: Literal["empty", "source"] = "empty",
) -> Tensor:
    """The method with its choices open.

    uncond: whether the edit's unconditional half looks into the photo alone or into itself as well.
    negative: what that half is told; the empty prompt as in the released examples, or the source words.
    """
    path = job.trajectory()
    since, until = shares(job.ease)
    sites = mutual_sites(job.model.denoiser.sites)
    tap = MutualSelfAttention(sites, since, until, ("uncond",) if uncond == "joint" else ())
    told = job.empty if negative == "empty" else job.source
    guide = ProximalGuidance(job.target, told, job.scale(), config.eased(job.ease), path)
    source, track = photo_beside(job, job.source, path, since, until)
    return job.run([guide, source], path[0], taps=[tap], tracks={PHOTO: track}, path=path)
