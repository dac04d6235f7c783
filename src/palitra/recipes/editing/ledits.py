"""LEDITS++ as users run it (arXiv 2311.16711): the photo's noise kept, concepts pushed where they belong.

The paper's user names concepts to add and to remove. Here the wish is a sentence: the target's new words
are added and the source's lost words removed. Each concept is told as its whole sentence, which says how the
words are meant, while its mask M1 looks at these words alone. Without source words the whole wish is added.
"""

from __future__ import annotations

import torch
from torch import Tensor

from palitra.data.notes import note
from palitra.guiders.semantic_guidance import (
    BLUR,
    MASKED_TIMES,
    OFFICIAL_BLUR,
    Concept,
    Masking,
    SemanticGuidance,
)
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.kept_noise import kept_noise
from palitra.samplers.sde_dpm_inversion import KeptNoiseDPMSolver, sde_dpm_inversion
from palitra.taps.differing_words import differing_words
from palitra.taps.word_alignment import at_positions
from palitra.taps.word_maps import map_sites

PUBLISHED_SCALE = 5.0
SKIPPED = 0.15 / 1.15
"""The published skip of .15 is a share of the steps made."""
THRESHOLD, STRONG_THRESHOLD = 0.9, 0.75
"""The authors' default, which goes with scale 5, and that of their examples with scale 10."""


def ledits(job: EditJob) -> Tensor:
    """Invert under no words, then add semantic guidance of scale 10 strength, 5 at the default as published.

    The masks leave .9 of the picture alone, above the default less, down to .75 at strength 1: scale and
    threshold are then those of the authors' examples. At strength 0, and for words that do not differ, the
    photo comes back up to rounding. The preset "style" leaves out the masks, as the paper does for changes
    of the whole picture. `official` knows one concept, the whole wish. Every seed draws other noise. Cost at
    50 steps: 43 samples of the inversion, asked many at once, and 43 for the base and for each concept, 172
    with words that come and go.
    """
    steps = job.params.steps
    first = round(SKIPPED * steps)
    latents, residues = kept_noise(
        job, sde_dpm_inversion, lambda _: [(job.empty, 1.0)], first, ("ledits++",), [""] * len(job.x0)
    )
    guide = SemanticGuidance(job.empty, concepts(job), masking(job), job.mask)
    sampler = KeptNoiseDPMSolver(job.model.schedule, residues, first)
    path = [latents[0]] * first + latents
    return job.run([guide], sampler.start(latents[0]), sampler=sampler, first=first, path=path)


def concepts(job: EditJob) -> list[Concept]:
    """What is added, and what is removed where any row loses words; rows without words have amount 0."""
    new: list[tuple[int, ...]] = []
    lost: list[tuple[int, ...]] = []
    for source, target in zip(job.source_words, job.target_words, strict=True):
        of = job.words(source), job.words(target)
        gone, come = differing_words(*of) if not job.params.official else ((), of[1].positions)
        new.append(come)
        lost.append(gone)
    if any(not gone and not come for gone, come in zip(lost, new, strict=True)):
        job.notes.append(note("words_equal"))
    scale = 2 * job.params.strength * job.scale(PUBLISHED_SCALE)
    found: list[Concept] = []
    for name, told, positions, sign in (("target", job.target, new, 1), ("lost", job.source, lost, -1)):
        if told.text is None or not any(positions):
            continue
        words = torch.stack([at_positions(p, told.text.shape[1]) for p in positions])
        amount = torch.tensor([sign * scale if p else 0.0 for p in positions])
        found.append(Concept(name, told, words.to(job.x0.device), amount.to(job.x0.device)))
    return found


def masking(job: EditJob) -> Masking | None:
    """The published masks on the model's own sites, none for styles."""
    if job.params.preset == "style":
        return None
    sites = map_sites(job.model.denoiser.sites, job.x0.shape[-1])
    noisiest = round(MASKED_TIMES * job.model.schedule.steps)
    blur = OFFICIAL_BLUR if job.params.official else BLUR
    beyond = max(0.0, 2 * job.params.strength - 1)
    return Masking(sites, THRESHOLD + (STRONG_THRESHOLD - THRESHOLD) * beyond, noisiest, blur)
