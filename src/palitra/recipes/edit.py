"""A photo and a wish to an edited photo, by any method of editing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.data.images import to_image, to_tensor
from palitra.data.notes import Note, note
from palitra.data.photo_frame import PhotoFrame
from palitra.errors import ComposeError, ImageError, OutOfMemoryError
from palitra.models.text_to_image import TextToImage
from palitra.recipes.editing.inversion_store import InversionStore, photo_key
from palitra.recipes.editing.job import Cost, EditJob
from palitra.recipes.editing.methods import GRADIENT_METHODS, METHODS
from palitra.recipes.generate import LARGEST_BATCH, OnPicture, memory_words, seeds_of
from palitra.recipes.picture import Picture, Run
from palitra.spec.edit import EditParams
from palitra.version import __version__


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


def edit(
    model: TextToImage,
    photo: Image.Image,
    params: EditParams,
    *,
    mask: Image.Image | None = None,
    store: InversionStore | None = None,
    hooks: Hooks | None = None,
    on_picture: OnPicture | None = None,
    on_notes: Callable[[Sequence[Note]], None] | None = None,
) -> Run:
    """Edit one photo: `params.n` pictures of every wish, of the photo's shape at the model's size.

    mask: of the photo's size, white where it may change; everywhere else the result equals the photo,
    scaled to the model's size, bit for bit. store: inverted photos, to be shared between calls. on_notes:
    hears at the end what was done, in a form that can be told in any language.

    Raises:
        ImageError: a mask of another size.
        InputError: words that the method cannot work with.
        OutOfMemoryError: the batch does not fit.
    """
    began = time.perf_counter()
    frame = PhotoFrame.of(photo.size, model.size)
    picture = to_tensor(frame.place(photo.convert("RGB")))[0]
    allowed = None if mask is None else _allowed(mask, photo.size, frame)
    seeds = seeds_of(params, params.n)
    rows = [EditRow(picture, params.source, w, seed, allowed) for w in params.wishes() for seed in seeds]
    store = store or InversionStore()
    pictures: list[Picture] = []
    cost, notes = Cost(), list[Note]()
    for start in range(0, len(rows), LARGEST_BATCH):
        batch = rows[start : start + LARGEST_BATCH]
        with memory_words():
            images, job = edit_rows(model, params, batch, store, hooks)
        cost.calls, cost.samples = cost.calls + job.cost.calls, cost.samples + job.cost.samples
        cost.backwards.update(job.cost.backwards)
        notes += [n for n in job.notes if n not in notes]
        for row, image in zip(batch, images, strict=True):
            restored = frame.restore(to_image(image))
            pictures.append(
                Picture(restored, row.seed, describe_edit(model, params, row, job), name=row.target)
            )
            if on_picture:
                on_picture(pictures[-1])
    if on_notes:
        on_notes(notes)
    seconds = time.perf_counter() - began
    return Run(
        pictures,
        seconds,
        cost.calls,
        cost.samples,
        model.name,
        str(model.device),
        tuple(n.text("en") for n in notes),
    )


def edit_rows(
    model: TextToImage,
    params: EditParams,
    rows: Sequence[EditRow],
    store: InversionStore,
    hooks: Hooks | None = None,
) -> tuple[Tensor, EditJob]:
    """A batch of different edits by one method: images (B, 3, S, S) in [0, 1], and the job with its cost."""
    job = make_job(model, params, rows, store, hooks)
    latents = _within_memory(job)
    with torch.no_grad():
        images = (model.autoencoder.decode(latents).float().clamp(-1, 1) + 1) / 2
    images = images.cpu()
    for i, row in enumerate(rows):
        if row.mask is not None:
            images[i] = torch.where(
                row.mask > 0, row.picture + row.mask * (images[i] - row.picture), row.picture
            )
    return images, job


def _within_memory(job: EditJob) -> Tensor:
    """Run the job's method; guidance by gradients is tried again in thriftier ways when memory is short.

    Raises:
        OutOfMemoryError: it does not fit in any way.
    """
    while True:
        try:
            with memory_words():
                return METHODS[job.params.method](job)
        except OutOfMemoryError:
            if job.params.method not in GRADIENT_METHODS or job.thrift == 2:
                raise
            job.thrift += 1
            job.notes[:] = [note("memory_saved")] if job.thrift == 1 else [note("layers_left_out")]


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
        photos=[photo_key(latent) for latent in x0],
        noise=Noise([row.seed for row in rows], model.device),
        store=store,
        mask=mask,
        hooks=hooks,
    )


def describe_edit(model: TextToImage, params: EditParams, row: EditRow, job: EditJob) -> dict[str, object]:
    """The recipe kept in an edited picture; the photo itself is not in it."""
    return {
        "palitra": __version__,
        "params": params.model_dump() | {"target": row.target, "source": row.source},
        "seed": row.seed,
        "model": model.name,
        "fingerprint": model.fingerprint,
        "photo": photo_key(row.picture),
        "notes": [n.text("en") for n in job.notes],
    }


def _allowed(mask: Image.Image, size: tuple[int, int], frame: PhotoFrame) -> Tensor:
    """Where the picture may change, (1, S, S); beside the photo nothing binds."""
    if mask.size != size:
        raise ImageError(
            f"`mask` must have the photo's size {size[0]} x {size[1]}, got {mask.size[0]} x {mask.size[1]}"
        )
    left, top, right, bottom = frame.box
    small = mask.convert("L").resize((right - left, bottom - top), Image.Resampling.BOX)
    grey = to_tensor(small.convert("RGB"))[0, :1]
    placed = torch.ones(1, frame.side, frame.side)
    placed[:, top:bottom, left:right] = grey
    return placed
