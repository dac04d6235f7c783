"""Prompt-to-Prompt (arXiv 2208.01626) for a job: what editors on any inversion add to hold the layout.

Settings are those of the published runs on photos: refinement, cross-attention for 0.4 and self-attention for
0.6 of the steps. Which words change is found by comparing the prompts. Where in a local edit one stretch of
words stands instead of another ("cat" - "dog"), the new words' maps count twice and local blend keeps what
lies outside of both, as the published runs do with words given by hand. Words that only come or go, several
swaps and new styles have no such place: there the whole picture may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from palitra.core.attention import AttentionTap
from palitra.core.guider import Guider
from palitra.data.notes import note
from palitra.guiders.local_blend import LocalBlend
from palitra.recipes.editing.job import EditJob
from palitra.taps.prompt_to_prompt import (
    CrossAttentionEdit,
    SelfAttentionReplacement,
    coarse_self_attentions,
    step_range,
    token_gates,
)
from palitra.taps.word_alignment import at_positions, refinement, replacement, stacked, swapped_words
from palitra.taps.word_maps import map_sites


@dataclass(frozen=True)
class Published:
    """Shares of the steps for cross- and self-attention, and what is done with swapped words.

    way: "replace" takes word by word and needs equally many words. weight: how much the new words' maps
    count. blend: whether the place outside of the swapped words is kept, by `threshold` of their maps.
    """

    cross: float = 0.4
    own: float = 0.6
    way: Literal["refine", "replace"] = "refine"
    weight: float = 2.0
    blend: bool = True
    threshold: float = 0.3


PUBLISHED = Published()


@dataclass(frozen=True, eq=False)
class PromptToPrompt:
    """What a run takes in. guiders: stand after the photo's own. until: share of the steps that read it."""

    taps: tuple[AttentionTap, ...]
    guiders: tuple[Guider, ...]
    until: float


def prompt_to_prompt(
    job: EditJob, track: Sequence[Tensor], settings: Published = PUBLISHED
) -> PromptToPrompt:
    """The parts for a job whose photo's latents are `track`, entry i + 1 that after step i.

    Shares and threshold are multiplied by `job.ease`, so that strength 1 leaves plain guidance. Equal words
    of source and target are told by a note: the edit is then the photo as its inversion gives it back.

    Raises:
        InputError: word by word was asked for and a row's prompts differ in their number of words; with
            `official`, prompts of more than one window.
    """
    if any(s.split() == t.split() for s, t in zip(job.source_words, job.target_words, strict=True)):
        job.notes.append(note("words_equal"))
    count = len(job.times) - 1
    cross, own = (min(1.0, share * job.ease) for share in (settings.cross, settings.own))
    last = max(step_range(count + 1, cross)[1], step_range(count, own)[1])
    if last == 0:
        return PromptToPrompt((), (), 0.0)
    align = refinement if settings.way == "refine" else replacement
    found, gates, weights, old, new = [], [], [], [], []
    for words in zip(job.source_words, job.target_words, strict=True):
        source, target = (job.words(w) for w in words)
        found.append(align(source, target, job.params.official))
        gates.append(token_gates(target, count, cross))
        swapped = swapped_words(source, target) if job.params.preset == "local" else None
        was, now = swapped or ((), ())
        weights.append(at_positions(now, target.length, settings.weight, 1.0))
        old.append(at_positions(was, source.length))
        new.append(at_positions(now, target.length))
    device, sites = job.x0.device, job.model.denoiser.sites
    edit = CrossAttentionEdit(
        stacked(found).to(device), torch.stack(gates).to(device), torch.stack(weights).to(device)
    )
    taps = (edit, SelfAttentionReplacement(coarse_self_attentions(sites), own))
    was_words, now_words = (torch.stack(rows).to(device) for rows in (old, new))
    if not settings.blend or not bool(now_words.any()):
        return PromptToPrompt(taps, (), min(1.0, last / count))
    places = map_sites(sites, job.x0.shape[-1])
    blend = LocalBlend(places, was_words, now_words, track, settings.threshold * job.ease)
    return PromptToPrompt(taps, (blend,), 1.0)
