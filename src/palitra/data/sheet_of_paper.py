"""A sheet of paper on a darker table: found on the photo and cut out."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image
from scipy import ndimage

from palitra.data.notes import Note, note
from palitra.data.strokes import Field, Mask

_SIDE: Final = 256  # of the copy on which the sheet is sought
_RIM: Final = 5  # pixels of that copy taken off the sheet's edge


def cut_out_sheet(image: Image.Image) -> tuple[Image.Image, list[Note]]:
    """The part of an RGB photo that shows the sheet; around it the paper is continued.

    A sheet is one bright convex patch on much darker surroundings that reach the photo's edges, with
    thin dark lines on it. Without one the image is returned as it is.
    """
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    light = ndimage.gaussian_filter(np.asarray(small.convert("L"), dtype=np.float32) / 255, 1.5)
    sheet = _bright_patch(light)
    if sheet is None or not _is_drawn_on(small, sheet):
        return image, []
    sheet = ndimage.binary_erosion(sheet, iterations=_RIM)
    mask = Image.fromarray(sheet.astype(np.uint8) * 255).resize(image.size, Image.Resampling.BILINEAR)
    left, top, right, bottom = mask.point(lambda v: 255 * (v > 127)).getbbox() or (0, 0, *image.size)
    part = image.crop((left, top, right, bottom))
    outside = np.asarray(mask.crop((left, top, right, bottom))) < 128
    return _continued(part, outside), [note("paper_cut_out")]


def _bright_patch(light: Field) -> Mask | None:
    """The bright patch with its holes filled that is most like a rectangle, if one looks like a sheet.

    Several thresholds are tried, because a shadow over a corner of the sheet may be as dark as the table.
    """
    middle = _otsu(light)
    best, fullest = None, 0.8
    for threshold in np.linspace(0.45 * middle, 1.2 * middle, 10):
        labels, count = ndimage.label(light > threshold)
        if count == 0:
            continue
        bright = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
        sheet = ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(bright, 8), iterations=5))[8:-8, 8:-8]
        frame = np.concatenate([sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1]])
        if not 0.15 < sheet.mean() < 0.93 or frame.mean() > 0.75 or bright.sum() < 0.75 * sheet.sum():
            continue
        fullness = float(sheet.sum()) / _rectangle_area(sheet)
        if fullness > fullest and np.percentile(light[~sheet], 75) < 0.6 * np.median(light[sheet]):
            best, fullest = sheet, fullness
    return best


def _is_drawn_on(small: Image.Image, sheet: Mask) -> bool:
    """Whether thin dark lines lie well inside the sheet."""
    light = np.asarray(small.convert("L"), dtype=np.float32) / 255
    depth = ndimage.grey_closing(light, size=9) - light
    inner = ndimage.binary_erosion(sheet, iterations=_RIM + 1)
    return float((depth[inner] > 0.12).mean()) > 0.002 if inner.any() else False


def _continued(image: Image.Image, outside: Mask) -> Image.Image:
    """The picture with the paper's colour at the sheet's edge carried on over what lies outside."""
    if not outside.any():
        return image
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    hidden = Image.fromarray(outside.astype(np.uint8) * 255)
    far = np.asarray(hidden.resize(small.size, Image.Resampling.BOX)) > 0
    paper = ndimage.grey_closing(np.where(far[..., None], 0, np.asarray(small)), size=(9, 9, 1))
    rows, columns = ndimage.distance_transform_edt(
        ndimage.binary_dilation(far, iterations=2), return_distances=False, return_indices=True
    )
    carried = ndimage.gaussian_filter(paper[rows, columns].astype(np.float32), (2, 2, 0))
    fill = Image.fromarray(carried.round().astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    return Image.composite(fill, image, hidden)


def _rectangle_area(mask: Mask) -> float:
    """Area in pixels of the smallest rectangle, at any angle, around the mask."""
    edge = np.argwhere(mask & ~ndimage.binary_erosion(mask)).astype(float)
    angles = np.radians(np.arange(0, 90, 2))
    along = edge @ np.stack([np.cos(angles), np.sin(angles)])
    aside = edge @ np.stack([-np.sin(angles), np.cos(angles)])
    return float(((np.ptp(along, axis=0) + 1) * (np.ptp(aside, axis=0) + 1)).min())


def _otsu(values: Field) -> float:
    """Otsu's threshold (1979): the split with the largest variance between its two classes."""
    counts, edges = np.histogram(values, 64, (0, 1))
    middle = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = counts.sum() - below
    mean_below = np.cumsum(counts * middle) / np.maximum(below, 1)
    mean_above = (np.sum(counts * middle) - np.cumsum(counts * middle)) / np.maximum(above, 1)
    return float(edges[1 + int(np.argmax(below * above * (mean_below - mean_above) ** 2))])
