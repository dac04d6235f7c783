"""Pictures as participants get them: equally large, without names and notes, and noise for the checks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from palitra.data.images import flatten, open_image

LEAST_SIDE, MOST_SIDE = 512, 1024
"""Bounds of the longer side; browsers enlarge small pictures less smoothly than Lanczos does."""
CELLS: Final = 48
"""Squares of noise along the longer side: coarse enough to be seen on a phone."""
SAME_SHAPE: Final = 0.02


def photo_picture(path: Path) -> Image.Image:
    """The photo, upright, its longer side between 512 and 1024.

    Raises:
        ImageError: it cannot be read.
    """
    photo = flatten(open_image(path, name="photo").image)
    return photo.resize(_fit(photo.size, _longest(photo.size)), Image.Resampling.LANCZOS)


def edit_picture(path: Path, like: tuple[int, int]) -> Image.Image:
    """An arm's picture, as large as the photo; one of another shape keeps its own, with the same longer side.

    Raises:
        ImageError: it cannot be read.
    """
    edit = flatten(open_image(path, name="picture").image)
    same = abs(edit.width / edit.height * like[1] / like[0] - 1) < SAME_SHAPE
    size = like if same else _fit(edit.size, max(like))
    return edit.resize(size, Image.Resampling.LANCZOS)


def noise_picture(size: tuple[int, int], seed: int) -> Image.Image:
    """Coloured squares drawn by chance: nothing of the photo and nothing of the wish."""
    cells = _fit(size, CELLS)
    values = np.random.default_rng(seed).integers(0, 256, (cells[1], cells[0], 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.NEAREST)


def as_png(image: Image.Image) -> bytes:
    """The pixels alone: no recipe and no other note tells where a picture comes from."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(image.convert("RGB"))).save(buffer, "PNG")
    return buffer.getvalue()


def _longest(size: tuple[int, int]) -> int:
    return min(max(max(size), LEAST_SIDE), MOST_SIDE)


def _fit(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
