"""A photo and a wish to an edited photo, by any method of editing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from palitra.core.progress import Hooks
from palitra.data.images import to_image, to_tensor
from palitra.data.notes import Note, note
from palitra.data.photo_frame import PhotoFrame
from palitra.errors import ImageError, OutOfMemoryError
from palitra.models.text_to_image import TextToImage
from palitra.recipes.editing.automatic_strength import STEPS_SHARE, choose_strength
from palitra.recipes.editing.inversion_store import InversionStore, photo_key
from palitra.recipes.editing.job import Cost, EditJob
from palitra.recipes.editing.rows import EditRow, edit_rows
from palitra.recipes.editing.source_words import embedded_eye, suggest_source
from palitra.recipes.generate import LARGEST_BATCH, OnPicture, seeds_of
from palitra.recipes.picture import Picture, Run
from palitra.spec.edit import EditParams
from palitra.version import __version__


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
    store = store or InversionStore()
    told: list[Note] = []
    if not params.source.strip():
        params = params.model_copy(update={"source": suggest_source(picture)})
        told.append(note("source_guessed", words=params.source))
    if params.auto_strength:
        params = _with_best_strength(model, params, picture, store, hooks, told)
    pictures: list[Picture] = []
    rows = [EditRow(picture, params.source, w, seed, allowed) for w in params.wishes() for seed in seeds]
    cost, notes = Cost(), told
    start, size = 0, LARGEST_BATCH
    while start < len(rows):
        batch = rows[start : start + size]
        try:
            images, job = edit_rows(model, params, batch, store, hooks)
        except OutOfMemoryError:
            if len(batch) == 1:
                raise
            size = len(batch) // 2
            continue
        start += len(batch)
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


def _with_best_strength(
    model: TextToImage,
    params: EditParams,
    picture: Tensor,
    store: InversionStore,
    hooks: Hooks | None,
    told: list[Note],
) -> EditParams:
    """The same with the strength that a few cheap tries speak for."""
    steps = max(2, round(STEPS_SHARE * params.steps))
    rows = [EditRow(picture, params.source, wish, params.seed) for wish in params.wishes()[:LARGEST_BATCH]]

    def draw(strength: float) -> Tensor:
        tried = params.model_copy(update={"strength": strength, "steps": steps})
        return edit_rows(model, tried, rows, store, hooks)[0]

    photos = picture.expand(len(rows), *picture.shape)
    words = [row.target for row in rows]
    best, scores = choose_strength(embedded_eye(), photos, [params.source] * len(rows), words, draw)
    told.append(note("strength_chosen", strength=f"{best:g}", count=len(scores)))
    return params.model_copy(update={"strength": best})


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
