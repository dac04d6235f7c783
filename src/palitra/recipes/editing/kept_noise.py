"""Inversions that keep the noise of every step, through the store: one for all wishes of a photo and seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from palitra.core.condition import Condition
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.recipes.editing.inversion_store import Tensors, entry_key
from palitra.recipes.editing.job import EditJob
from palitra.samplers.independent_latents import AcrossTimes

Terms = Callable[[Sequence[int]], Sequence[tuple[Condition, float]]]
"""What the inversion of some of the rows is told, and how much each counts."""


class Inversion(Protocol):
    """An inversion over independently noised latents."""

    def __call__(
        self,
        ask: AcrossTimes,
        x0: Tensor,
        times: Sequence[int],
        noise: Noise,
        first: int,
        hooks: Hooks | None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Latents before step `first` and after each step, and each step's residue."""
        ...


def kept_noise(
    job: EditJob,
    invert: Inversion,
    terms: Terms,
    first: int,
    told: Sequence[str | float],
    words: Sequence[str],
) -> tuple[list[Tensor], list[Tensor]]:
    """The photos' latents before step `first` and after each step, and each step's residue.

    told: what tells this inversion from others for the same photo, seed and words. words: one text a row.
    """
    keys = [
        entry_key("kept noise", photo, text, seed, job.model.fingerprint, first, *told, *job.times)
        for photo, text, seed in zip(job.photos, words, job.noise.seeds, strict=True)
    ]

    def make(rows: list[int]) -> list[Tensors]:
        ask = AcrossTimes(job.model.denoiser, job.model.schedule, terms(rows))
        # streams of their own, so that rows out of the store leave the others' noise as it is
        noise = Noise([job.noise.seeds[i] for i in rows], job.noise.device)
        found = invert(ask, job.x0[rows], job.times, noise, first, job.hooks)
        job.cost.calls, job.cost.samples = job.cost.calls + ask.calls, job.cost.samples + ask.samples
        latents, residues = (torch.stack(values, 1) for values in found)
        return [{"latents": x, "residues": r} for x, r in zip(latents, residues, strict=True)]

    entries = job.kept(keys, make)
    return job.by_step(entries, "latents"), job.by_step(entries, "residues")
