"""Lines of a drawing canvas, read fast enough to follow the pen.

`palitra.data.sketch_input` takes care of photos, paper and filled areas in a few tenths of a second. What a
page's canvas holds needs none of that: one even ground and strokes on it. Its lines become the same drawing
(one width, black on white) in a few hundredths.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from palitra.data.ink import on_ground
from palitra.data.strokes import Mask, distance_to, draw, skeleton

CANVAS: Final = 256
SHORTEST: Final = 12
"""Centre-line pixels, of a canvas 256 px wide, below which there is nothing to draw: a dot or a slip."""
_INK: Final = 0.15
_EVEN: Final = 0.06
_FULLEST: Final = 0.2


def canvas_lines(image: Image.Image) -> Mask | None:
    """Centre lines on a square of side CANVAS; None if the picture is no canvas.

    A canvas has one even ground (white where it is transparent), light or dark, and at most a fifth of it
    is ink. Anything else is for `palitra.data.sketch_input`. Cost: about 7 ms on one CPU core.
    """
    ink = _ink(image)
    return None if ink is None else skeleton(ink)


def has_lines(centre: Mask) -> bool:
    """Whether these are more than a dot."""
    return int(centre.sum()) >= SHORTEST


def drawn(centre: Mask, size: int, line_width: float) -> Image.Image:
    """The lines as mode L at `size`, black and `line_width` px wide on white. Cost: about 3 ms."""
    distance = distance_to(centre) if centre.any() else np.full(centre.shape, np.inf, dtype=np.float32)
    cover = draw(distance, line_width * CANVAS / size)
    shown = Image.fromarray(cover).resize((size, size), Image.Resampling.BOX)
    return Image.fromarray((255 * (1 - np.asarray(shown))).round().astype(np.uint8))


def _ink(image: Image.Image) -> Mask | None:
    """Where the ink is on a square of side CANVAS, or None when the ground is uneven or covered."""
    plain = on_ground(image)[0]
    scale = CANVAS / max(plain.size)
    width, height = (max(1, round(side * scale)) for side in plain.size)
    filter_ = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    pixels = np.asarray(plain.resize((width, height), filter_), dtype=np.float32) / 255
    away = np.abs(pixels - np.median(pixels.reshape(-1, 3), axis=0)).max(-1)
    ink = away > _INK
    if float((away < _EVEN).mean()) < 1 - 2 * _FULLEST or float(ink.mean()) > _FULLEST:
        return None
    square = np.zeros((CANVAS, CANVAS), dtype=bool)
    top, left = (CANVAS - height) // 2, (CANVAS - width) // 2
    square[top : top + height, left : left + width] = ink
    return square
