"""Draws a job of classes: its pictures one after another, then their sheet."""

from __future__ import annotations

import io

from torch import Tensor

from palitra.data.images import to_image
from palitra.errors import Cancelled
from palitra.recipes.class_conditional import ClassGenerator, draw_classes
from palitra.service.workers.desk import Told
from palitra.spec.classes import ClassesParams

SIDE = 192
SHOWN = 9


def paint_classes(generator: ClassGenerator, params: ClassesParams, told: Told) -> None:
    """Draw for one job; it stops within one sampling step when it is no longer wanted."""

    def on_step(done: int, total: int, pictures: Tensor) -> None:
        told.progress(0, done, total)
        if done < total and told.wants_preview(0):
            told.preview(0, preview(pictures))

    try:
        draw_classes(
            generator, params, on_step, lambda picture: told.picture(0, picture), lambda: bool(told.dropped())
        )
    except Cancelled:
        return


def preview(pictures: Tensor) -> bytes:
    """Up to nine of the pictures (B, C, H, W) in [-1, 1] as a square JPEG of at most 192 px."""
    count = 3 if len(pictures) >= SHOWN else 2 if len(pictures) >= 4 else 1
    some = pictures[: count * count].clamp(-1, 1).cpu()
    if some.shape[1] not in (1, 3):
        some = some.mean(1, keepdim=True)
    _, c, h, w = some.shape
    square = some.view(count, count, c, h, w).permute(2, 0, 3, 1, 4).reshape(c, count * h, count * w)
    image = to_image((square.expand(3, -1, -1) + 1) / 2)
    factor = max(1, SIDE // max(image.size))
    # hard pixels, as on the sheet
    image = image.resize((image.width * factor, image.height * factor), resample=0)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
