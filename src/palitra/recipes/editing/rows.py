"""A batch of different edits by one method, from pictures and words to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.data.notes import note
from palitra.errors import ComposeError, OutOfMemoryError
from palitra.models.text_to_image import TextToImage
from palitra.recipes.editing.inversion_store import InversionStore, photo_key
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.keep_mask import keep_mask, picture_mask
from palitra.recipes.editing.methods import METHODS, THRIFT
from palitra.recipes.generate import memory_words
from palitra.spec.edit import EditParams


@dataclass(frozen=True, eq=False)
class EditRow:
    """One edit of a batch: a photo as the model's square, its words, and what may change.

    picture: (3, S, S) in [0, 1]. mask: (1, S, S) in [0, 1], 1 where it may change, or None.
    """

    picture: Tensor
    source: str
    target: str
    seed: int
    mask: Tensor | None = None


def edit_rows(
    model: TextToImage,
    params: EditParams,
    rows: Sequence[EditRow],
    store: InversionStore,
    hooks: Hooks | None = None,
) -> tuple[Tensor, EditJob]:
    """A batch of different edits by one method: images (B, 3, S, S) in [0, 1], and the job with its cost.

    Raises:
        OutOfMemoryError: it does not fit. Only for a single edit are thriftier ways tried first: with more,
            fewer at once are the better way.
    """
    job = make_job(model, params, rows, store, hooks)
    if params.keep:
        found = keep_mask(job)
        job.mask = found if job.mask is None else found * job.mask
    latents = _within_memory(job)
    with torch.no_grad():
        images = (model.autoencoder.decode(latents).float().clamp(-1, 1) + 1) / 2
    kept = [_kept(image, rows[i], i, job) for i, image in enumerate(images.cpu())]
    return torch.stack(kept), job


def _kept(image: Tensor, row: EditRow, i: int, job: EditJob) -> Tensor:
    """The edit inside the row's mask, the photo's own bits outside."""
    mask = row.mask
    if job.params.keep and job.mask is not None:
        found = picture_mask(job.mask[i : i + 1], image.shape[1:])[0]
        mask = found if mask is None else found * mask
    if mask is None:
        return image
    mixed = row.picture + mask * (image - row.picture)
    return torch.where(mask > 0, mixed, row.picture)


def _within_memory(job: EditJob) -> Tensor:
    """Run the job's method; guidance by gradients is tried again in thriftier ways when memory is short.

    Raises:
        OutOfMemoryError: it does not fit in any way.
    """
    ways = THRIFT.get(job.params.method, ())
    while True:
        try:
            with memory_words():
                return METHODS[job.params.method](job)
        except OutOfMemoryError:
            if job.thrift == len(ways) or len(job.photos) > 1:
                raise
            job.notes[:] = [note(ways[job.thrift])]
            job.thrift += 1


def make_job(
    model: TextToImage,
    params: EditParams,
    rows: Sequence[EditRow],
    store: InversionStore,
    hooks: Hooks | None = None,
) -> EditJob:
    """Encode photos and words."""
    if params.method not in METHODS:
        raise ComposeError(f"`method` must be one of {', '.join(METHODS)}, got {params.method}")
    if model.extra_channels and params.method != "instruct-pix2pix":
        raise ComposeError(
            f"`model` must have no extra input channels for the method {params.method}, "
            f"{model.name} has {model.extra_channels}"
        )
    pictures = torch.stack([row.picture for row in rows]).to(model.device)
    with torch.no_grad():
        x0 = model.autoencoder.encode(pictures * 2 - 1).float()
        words = [row.source for row in rows] + [row.target for row in rows]
        told, empty = encode_prompts(model, words, [""])
    mask = None
    if any(row.mask is not None for row in rows):
        masks = [torch.ones(1, *row.picture.shape[1:]) if row.mask is None else row.mask for row in rows]
        mask = torch.nn.functional.adaptive_max_pool2d(torch.stack(masks), x0.shape[-2:]).to(model.device)
    count = len(rows)
    return EditJob(
        model=model,
        params=params,
        x0=x0,
        source=told.rows(slice(0, count)),
        target=told.rows(slice(count, None)),
        empty=empty,
        source_words=[row.source for row in rows],
        target_words=[row.target for row in rows],
        photos=[photo_key(row.picture) for row in rows],
        noise=Noise([row.seed for row in rows], model.device),
        store=store,
        mask=mask,
        hooks=hooks,
    )
