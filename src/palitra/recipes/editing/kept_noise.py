"""Inversions that keep the noise of every step, through the store: one for all wishes of a photo and seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from palitra.core.condition import Condition
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.recipes.editing.inversion_store import entry_key
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
    entries = {key: job.store.get(key) for key in keys}
    # rows of one photo, seed and text share an entry
    missing = [keys.index(key) for key, entry in entries.items() if entry is None]
    if missing:
        ask = AcrossTimes(job.model.denoiser, job.model.schedule, terms(missing))
        # streams of their own, so that rows out of the store leave the others' noise as it is
        noise = Noise([job.noise.seeds[i] for i in missing], job.noise.device)
        latents, residues = invert(ask, job.x0[missing], job.times, noise, first, job.hooks)
        job.cost.calls, job.cost.samples = job.cost.calls + ask.calls, job.cost.samples + ask.samples
        for row, i in enumerate(missing):
            entry = {
                "latents": torch.stack([x[row] for x in latents]).cpu(),
                "residues": torch.stack([x[row] for x in residues]).cpu(),
            }
            job.store.put(keys[i], entry)
            entries[keys[i]] = entry
    rows = [kept for key in keys if (kept := entries[key]) is not None]
    latents, residues = (
        list(torch.stack([row[name] for row in rows], 1).to(job.x0.device).unbind(0))
        for name in ("latents", "residues")
    )
    return latents, residues
