"""Null-text inversion (arXiv 2211.09794) with Prompt-to-Prompt.

An empty prompt tuned for each step lets guidance retrace the photo. The latents of that retracing are kept:
the photo's branch of the edit reads them, where the published code runs both of its halves again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from palitra.core.condition import Condition
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.source import PHOTO, Watch
from palitra.recipes.editing.inversion_store import Tensors, entry_key
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.prompt_to_prompt import PUBLISHED, Published, prompt_to_prompt
from palitra.samplers.null_text import NullTextOptimisation

INNER = 10
TOGETHER = 4
"""Photos tuned at once: the graph of each takes some gigabytes at 512 px."""


def null_text(job: EditJob) -> Tensor:
    """Published settings at strength 0.5.

    Strength moves the shares of the steps in which the photo's attention is held, and the threshold of local
    blend: doubled at 0, none at 1, which is guidance with the tuned empty prompt. Cost at 50 steps: at most
    50 for the inversion, 100 + 500 forwards and 500 backwards to tune, 150 for the edit; another wish for
    the same photo costs the edit only.
    """
    return edit_with(job)


def edit_with(job: EditJob, settings: Published = PUBLISHED, inner: int = INNER) -> Tensor:
    """The method with its choices open; without inner steps it is plain guidance."""
    path = job.trajectory()
    embeddings, retraced = tuned(job, path, inner)
    held = prompt_to_prompt(job, retraced, settings)
    guide = ClassifierFree(job.target, lambda index: Condition(text=embeddings[index]), job.scale())
    guiders = [guide, Watch(job.source, held.until), *held.guiders]
    return job.run(guiders, path[0], taps=held.taps, tracks={PHOTO: retraced}, path=path)


def tuned(job: EditJob, path: list[Tensor], inner: int = INNER) -> tuple[list[Tensor], list[Tensor]]:
    """The empty prompt of every step, (B, L, D), and the photos' latents as guidance with it retraces them.

    Photos that the store holds, and rows of one photo under the same words, are tuned once. When memory is
    short (`job.thrift`), one photo at a time and with checkpoints.
    """
    assert job.empty.text is not None
    official = job.params.official
    scale, width = job.scale(), job.empty.text.shape[1]
    keys = [
        entry_key("null text", photo, words, job.model.fingerprint, scale, inner, width, official, *job.times)
        for photo, words in zip(job.photos, job.source_words, strict=True)
    ]
    together = 1 if job.thrift else TOGETHER

    def make(rows: list[int]) -> list[Tensors]:
        parts = [rows[start : start + together] for start in range(0, len(rows), together)]
        return [entry for part in parts for entry in _tune(job, path, part, inner)]

    entries = job.kept(keys, make)
    return job.by_step(entries, "embeddings"), job.by_step(entries, "latents")


def _tune(job: EditJob, path: list[Tensor], rows: list[int], inner: int) -> list[Tensors]:
    """Entries of some rows."""
    optimisation = NullTextOptimisation(
        job.model.denoiser,
        job.model.schedule,
        job.scale(),
        inner,
        checkpoint=job.thrift > 0,
        official=job.params.official,
        hooks=job.hooks,
    )
    made = optimisation.run([z[rows] for z in path], job.times, job.source.rows(rows), job.empty)
    job.cost.calls, job.cost.samples = job.cost.calls + made.calls, job.cost.samples + made.samples
    job.cost.backwards[""] += made.backwards
    embeddings, latents = torch.stack(made.embeddings, 1), torch.stack(made.latents, 1)
    return [{"embeddings": e, "latents": z} for e, z in zip(embeddings, latents, strict=True)]
