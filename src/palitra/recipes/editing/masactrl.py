"""MasaCtrl (arXiv 2304.08465) on real photos: the edit looks into the photo's keys and values.

The photo is inverted and watched under the empty prompt, as published, so that one branch of it serves
both halves of the edit's guidance. By default it is read off its inverted path, which is what the paper's
results on real photos are made with; the released code samples it along from its noise, and so does
`official`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from palitra.core.attention import AttentionTap
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.data.notes import note
from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.source import PHOTO, Alongside, Watch
from palitra.recipes.editing.job import EditJob
from palitra.taps.masactrl import START, GivenMasks, Masks, MutualSelfAttention, mutual_sites
from palitra.taps.word_alignment import at_positions, swapped_words
from palitra.taps.word_maps import WordMaps, map_sites, word_masks

Variant = Literal["plain", "union", "mask", "auto"]


def masactrl(job: EditJob) -> Tensor:
    """Published settings at strength 0.5: from step 4 of 50 on, decoder layers of at least half the side.

    Above it the photo is let go of earlier: it is read in 2 (1 - strength) of those steps, at 1 in none,
    which is plain guidance from the photo's noise. Below it the edit is held from an earlier step on and
    guidance is weaker by 2 strength, at 0 from the first step and without any. Cost at 50 steps: at most
    50 + 150 forwards.
    """
    return edit_with(job)


def edit_with(
    job: EditJob, variant: Variant = "plain", masks: Masks | None = None, threshold: float = 0.1
) -> Tensor:
    """The method with its variants.

    "union": the edit looks into itself as well. "mask": foreground looks at foreground by `masks`, or by
    the job's own mask for both pictures. "auto": foreground is where the swapped words look, with the source
    words told to the photo, which has no others to find itself by; rows without a stretch of words that
    is swapped for another are edited without masks, and a note says so.

    Raises:
        InputError: a variant by masks without any, masks of another size, a threshold outside [0, 1].
    """
    auto = variant == "auto"
    told = job.source if auto else job.empty
    path = job.trajectory() if auto else job.trajectory(job.empty, words=[""] * len(job.x0))
    since, until = shares(job.ease)
    taps: list[AttentionTap] = []
    if auto:
        masks = word_masks
        taps.append(swapped_word_maps(job))
    elif variant == "mask" and masks is None:
        if job.mask is None:
            raise InputError("`mask` must be given for MasaCtrl with masks, got none")
        masks = GivenMasks(job.mask, job.mask)
    elif variant != "mask":
        masks = None
    union = ("target", "uncond") if variant == "union" else ()
    sites = mutual_sites(job.model.denoiser.sites)
    taps.append(MutualSelfAttention(sites, since, until, union, masks, threshold))
    guide = ClassifierFree(job.target, job.empty, job.scale() * min(1.0, 2 - job.ease))
    source, track = photo_beside(job, told, path, since, until)
    return job.run([guide, source], path[0], taps=taps, tracks={PHOTO: track}, path=path)


def shares(ease: float) -> tuple[float, float]:
    """Between which shares of the steps the photo is read."""
    since = START * min(1.0, 2 - ease)
    return since, since + (1 - since) * min(1.0, ease)


def photo_beside(
    job: EditJob, told: Condition, path: Sequence[Tensor], since: float, until: float
) -> tuple[Guider, Sequence[Tensor]]:
    """The photo's branch and the latents it reads: its path, or as released a sample of its own."""
    if job.params.official:
        beside = Alongside(job.model.schedule, path[0], len(job.times) - 1, told)
        return beside, beside.track
    return Watch(told, until, since=since), path


def swapped_word_maps(job: EditJob) -> WordMaps:
    """Reads where the words that are swapped look, in the photo by the old words, in the edit by the new."""
    old: list[Tensor] = []
    new: list[Tensor] = []
    for source, target in zip(job.source_words, job.target_words, strict=True):
        pair = job.words(source), job.words(target)
        found = swapped_words(*pair)
        if found is None:
            job.notes.append(note("no_swapped_words", target=target))
        for rows, tokens, words in zip((old, new), pair, found or ((), ()), strict=True):
            rows.append(at_positions(words, tokens.length))
    sites = job.model.denoiser.sites
    return WordMaps(
        map_sites(sites, job.x0.shape[-1]), {"source": torch.stack(old), "target": torch.stack(new)}
    )
