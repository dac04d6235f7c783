"""Lines of filled and coloured drawings: dark outlines, and borders between colours."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import ndimage

from palitra.data.ink import Ink, Pixels
from palitra.data.strokes import Field, Mask, dots, hysteresis, skeleton

_OUTLINE_WINDOW: Final = 21  # widest dark outline inside a filled area, in pixels of the detection canvas
_OUTLINE: Final = 0.16  # how much darker an outline is than both its sides
_STEP: Final = 0.035  # change of a channel per pixel, after a blur of 2, along a border of two colours
_WIDEST_STROKE: Final = 24  # half the width above which ink is an area whatever the other strokes are


def filled_areas(ink: Mask, half_width: float) -> Mask:
    """Ink too thick to be a stroke beside strokes of `half_width`: an opening by a disk."""
    radius = min(max(2.2 * half_width, 11.0), _WIDEST_STROKE)
    inside = ndimage.distance_transform_edt(np.pad(ink, 1))[1:-1, 1:-1]
    core = inside > radius
    if not core.any():
        return np.zeros_like(ink)
    return ink & (ndimage.distance_transform_edt(~core) <= radius + 1)


def area_lines(ink: Ink, mask: Mask, width: float, borders: Mask | None = None) -> Mask:
    """Centre lines of a filled drawing: dark outlines and dots first, elsewhere borders of colours.

    Args:
        ink: the page.
        mask: what is not bare paper.
        width: of the lines that will be drawn.
        borders: (H, W) edges found by a detector, used instead of the colour gradient.
    """
    near = ndimage.binary_dilation(mask, iterations=6)
    outlines = _dark_outlines(ink.pixels) & near
    if borders is None:
        borders = gradient_lines(ink.pixels)
    taken = ndimage.binary_dilation(outlines, iterations=6)
    inside = ndimage.distance_transform_edt(outlines).astype(np.float32)
    return skeleton(outlines) | dots(outlines, inside, width) | (skeleton(borders & near) & ~taken)


def gradient_lines(pixels: Pixels, blur: float = 2.0, densest: float = 1.0) -> Mask:
    """Borders between colours (H, W): Canny's detector on the strongest channel's gradient.

    Source: Canny 1986; channels are combined by the largest gradient instead of a sum, so that a
    border between two colours of one brightness counts in full, and the threshold rises until the
    strong pixels are at most the share `densest` of the page.
    """
    smooth = ndimage.gaussian_filter(pixels, (blur, blur, 0))
    dy, dx = np.gradient(smooth, axis=(0, 1))
    strongest = np.hypot(dx, dy).argmax(-1)[..., None]
    gx = np.take_along_axis(dx, strongest, -1)[..., 0]
    gy = np.take_along_axis(dy, strongest, -1)[..., 0]
    size = np.hypot(gx, gy).astype(np.float32)
    crest = np.where(_is_crest(size, gx, gy), size, 0).astype(np.float32)
    high = max(_STEP * 2 / blur, float(np.quantile(crest, 1 - densest)))
    return hysteresis(crest, 0.4 * high, high)


def _is_crest(size: Field, gx: Field, gy: Field) -> Mask:
    """Pixels whose gradient is largest across the border, compared at one pixel to either side."""
    rows, columns = np.indices(size.shape, dtype=np.float32)
    norm = np.maximum(size, 1e-6)
    ahead = ndimage.map_coordinates(size, [rows + gy / norm, columns + gx / norm], order=1, mode="nearest")
    behind = ndimage.map_coordinates(size, [rows - gy / norm, columns - gx / norm], order=1, mode="nearest")
    return (size >= ahead) & (size > behind)


def _dark_outlines(pixels: Pixels) -> Mask:
    """Thin things darker than both their sides (black top-hat of the mean channel)."""
    light = ndimage.gaussian_filter(pixels.mean(-1), 0.8)
    depth = ndimage.grey_closing(light, size=_OUTLINE_WINDOW) - light
    return hysteresis(depth, 0.5 * _OUTLINE, _OUTLINE)
