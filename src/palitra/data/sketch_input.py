"""Input care for sketches: whatever was drawn, scanned or photographed becomes clean lines on white.

Polarity, transparency, uneven light, ruled paper, specks, filled areas, line width and format are
recognised and brought to one form; every step that changed something leaves a note.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import ndimage

from palitra.data.colour_lines import area_lines, filled_areas, gradient_lines
from palitra.data.ink import (
    DETECT,
    Ink,
    is_drawing,
    is_light_on_dark,
    measure_ink,
    measure_picture,
    on_ground,
)
from palitra.data.notes import Note, note
from palitra.data.ruled_paper import remove_ruling
from palitra.data.sheet_of_paper import cut_out_sheet
from palitra.data.strokes import (
    Field,
    Mask,
    bridge,
    distance_to,
    dots,
    draw,
    prune,
    skeleton,
    stroke_width,
    without_specks,
)
from palitra.errors import ImageError, check_range

if TYPE_CHECKING:
    from torch import Tensor

    EdgeDetector = Callable[[Tensor], Tensor]

# centre lines, the strokes' width in pixels of the detection canvas (0 when unknown), and notes
Lines = tuple[Mask, float, list[Note]]

WORKING: Final = 256
_LARGEST: Final = 4 * DETECT  # larger pictures are reduced before anything else
_LONGEST_SHAPE: Final = 10.0
_SHORTEST_DRAWING: Final = 24  # centre-line pixels on the detection canvas
_DENSEST: Final = 0.5
_PICTURE_BLUR: Final = 4.0  # hides fur and grass
_PICTURE_LINES: Final = 0.012  # share of a photo's pixels that are strong borders
_GAP: Final = 14  # widest gap that is closed, on the detection canvas
_SHEET_MARGIN: Final = 0.06
_RIM: Final = 4
_AREA_SHARE: Final = 0.35  # filled areas above this share of the ink,
_AREA_LEAST: Final = 0.006  # and of the page, make it a filled drawing


@dataclass(frozen=True, slots=True)
class Sketch:
    """A normalised sketch.

    Attributes:
        lines: (256, 256) bool, True is ink; lines have the wanted width.
        centre: (256, 256) bool, the same lines one pixel wide.
        picture: mode L at the wanted size, black lines on white, antialiased.
        notes: what was done, in order.
    """

    lines: NDArray[np.bool_]
    centre: NDArray[np.bool_]
    picture: Image.Image
    notes: tuple[Note, ...] = ()


def normalise_sketch(
    image: Image.Image,
    size: int = 64,
    line_width: float = 1.25,
    *,
    margin: float | None = None,
    remove_ruled_paper: bool = True,
    edges: EdgeDetector | None = None,
    name: str = "image",
) -> Sketch:
    """Bring a drawing to black lines of one width on a white square.

    Args:
        image: any mode, any aspect up to 10:1.
        size: side of the result in pixels.
        line_width: of the result's lines, in pixels of the result.
        margin: crop to the drawing and leave this share of the side around it; None keeps the page,
            except for a sheet cut out of a photo, whose place on the paper means nothing (0.06).
        remove_ruled_paper: look for ruled or squared paper and remove its lines.
        edges: edge detector for filled and coloured drawings, (1, 3, H, W) in [0, 1] to
            (1, 1, H, W) in [0, 1]; None uses the colour gradient.
        name: the field to name in error sentences.

    Raises:
        ImageError: the page is blank, covered with ink, or an extreme strip.
        InputError: `size`, `line_width` or `margin` out of bounds.

    Cost: about 0.3 s on one CPU core, whatever the picture's size.
    """
    _check(image, size, line_width, margin, name)
    if max(image.size) > _LARGEST:
        image = image.copy()
        image.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BOX)
    image, notes = on_ground(image)
    image, found = cut_out_sheet(image)
    notes += found
    if found and margin is None:
        margin = _SHEET_MARGIN
    drawing = is_drawing(image)
    if drawing and is_light_on_dark(image):
        image = ImageOps.invert(image)
        notes.append(note("polarity_inverted"))
    read = partial(
        _read_lines, drawing=drawing, wanted=line_width * DETECT / size, ruled=remove_ruled_paper, edges=edges
    )
    centre, width, found = read(image)
    box = None if margin is None or not centre.any() else _box_around(centre)
    if box is not None:
        centre, width, again = _read_closer(image, centre, box, read)
        found = [*found, *(n for n in again if n.code not in {f.code for f in found})]
        notes.append(note("cropped_to_content"))
    notes += found
    if centre.sum() < _SHORTEST_DRAWING:
        got = "a blank page" if drawing else "a picture without clear shapes"
        raise ImageError(f"`{name}` holds no lines: draw dark lines on light paper, got {got}")
    distance, found = _on_square(centre, margin)
    notes += found
    notes += _width_note(width, line_width, size)
    sketch = _render(distance, size, line_width, tuple(notes))
    if sketch.lines.mean() > _DENSEST:
        share = f"{sketch.lines.mean():.0%}"
        raise ImageError(f"`{name}` must be a line drawing with at most 50% ink, got a page {share} full")
    return sketch


def _check(image: Image.Image, size: int, line_width: float, margin: float | None, name: str) -> None:
    check_range("size", size, 16, 2048)
    check_range("line_width", line_width, 0.5, size / 8)
    if margin is not None:
        check_range("margin", margin, 0, 0.4)
    if max(image.size) > _LONGEST_SHAPE * min(image.size):
        shape = f"{image.width}x{image.height}"
        raise ImageError(f"`{name}` must be at most {_LONGEST_SHAPE:g} times as long as wide, got {shape}")


def _read_lines(
    image: Image.Image, *, drawing: bool, wanted: float, ruled: bool, edges: EdgeDetector | None
) -> Lines:
    """Centre lines of dark strokes on light paper, their width on the detection canvas, and notes."""
    if not drawing:
        page = measure_picture(image)
        borders = (
            gradient_lines(page.pixels, _PICTURE_BLUR, _PICTURE_LINES)
            if edges is None
            else _detected(page, edges)
        )
        return prune(skeleton(borders), 8), 0.0, [note("picture_lines_used")]
    ink, notes = measure_ink(image)
    if ruled:
        ink, found = remove_ruling(ink)
        notes += found
    centre, width, found = _centre_lines(ink, wanted, edges)
    return centre, width, notes + found


def _box_around(centre: Mask) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the drawing with a rim, if it is much smaller than the page."""
    rows, columns = np.flatnonzero(centre.any(1)), np.flatnonzero(centre.any(0))
    extent = 1 + max(rows[-1] - rows[0], columns[-1] - columns[0])
    if extent > 0.6 * DETECT:
        return None
    rim = round(0.2 * extent)
    height, width = centre.shape
    left, top = max(0, columns[0] - rim), max(0, rows[0] - rim)
    return left, top, min(width, columns[-1] + 1 + rim), min(height, rows[-1] + 1 + rim)


def _read_closer(
    image: Image.Image, centre: Mask, box: tuple[int, int, int, int], read: Callable[[Image.Image], Lines]
) -> Lines:
    """Read the drawing once more from its part of the picture, larger; nothing new may come in."""
    scale = max(image.size) / DETECT
    left, top, right, bottom = (round(edge * scale) for edge in box)
    part = image.crop((left, top, min(right, image.width), min(bottom, image.height)))
    closer, width, notes = read(part)
    known = ndimage.binary_dilation(centre[box[1] : box[3], box[0] : box[2]], iterations=4)
    size = closer.shape[1], closer.shape[0]
    near = np.asarray(Image.fromarray(known).resize(size, Image.Resampling.NEAREST))
    return closer & near, width, notes


def _centre_lines(ink: Ink, wanted: float, edges: EdgeDetector | None) -> Lines:
    notes: list[Note] = []
    inked = ink.mask()
    if ink.photographed:  # the rim of a scan or a sheet
        inked = np.pad(inked[_RIM:-_RIM, _RIM:-_RIM], _RIM)
    mask, specks = without_specks(inked, ink.strength, 40 if ink.photographed else 14)
    if specks > 2:
        notes.append(note("specks_removed", count=specks))
    mask = ndimage.binary_closing(np.pad(mask, 3), iterations=1)[3:-3, 3:-3] | mask
    centre = skeleton(mask)
    if not centre.any():
        return centre, 0.0, notes
    inside = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1].astype(np.float32)
    areas = filled_areas(mask, float(np.median(inside[centre])))
    width = stroke_width(mask & ~areas, centre & ~areas)
    if areas.sum() > max(_AREA_SHARE * mask.sum(), _AREA_LEAST * mask.size):
        centre = area_lines(ink, mask, wanted, None if edges is None else _detected(ink, edges))
        notes.append(note("colour_lines_used"))
        return bridge(prune(centre, 4), _GAP), 0.0, notes
    centre = bridge(prune(centre, max(3, round(0.8 * width))), _GAP)
    return centre | dots(mask, inside, wanted), width, notes


def _detected(ink: Ink, edges: EdgeDetector) -> Mask:
    import torch

    with torch.inference_mode():
        found = edges(torch.from_numpy(ink.pixels.transpose(2, 0, 1).copy())[None])
    return np.asarray(found[0, 0].float().cpu().numpy() > 0.4)


def _on_square(centre: Mask, margin: float | None) -> tuple[Field, list[Note]]:
    """Distance to the lines on a square of side DETECT, padded and, if asked, cropped to the drawing."""
    notes: list[Note] = []
    height, width = centre.shape
    if margin is None:
        if height != width:
            notes.append(note("padded_to_square", width=width, height=height))
        return distance_to(_placed(centre, DETECT)), notes
    rows, columns = np.flatnonzero(centre.any(1)), np.flatnonzero(centre.any(0))
    part = centre[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = round(max(part.shape) / (1 - 2 * margin))
    distance = distance_to(_placed(part, side))
    return _resized(distance, DETECT) * np.float32(DETECT / side), notes


def _placed(part: Mask, side: int) -> Mask:
    """The part in the middle of an empty square."""
    square = np.zeros((side, side), dtype=bool)
    top, left = (side - part.shape[0]) // 2, (side - part.shape[1]) // 2
    square[top : top + part.shape[0], left : left + part.shape[1]] = part
    return square


def _width_note(found: float, wanted: float, size: int) -> list[Note]:
    """Say so when the strokes' width changes by more than a third."""
    now = found * size / DETECT
    if now == 0 or 0.67 < wanted / now < 1.5:
        return []
    return [note("lines_thinned" if now > wanted else "lines_thickened", found=now, wanted=float(wanted))]


def _render(distance: Field, size: int, line_width: float, notes: tuple[Note, ...]) -> Sketch:
    """Draw the lines at the working size and at the wanted one."""
    cover = draw(distance, line_width * DETECT / size)
    shown = _resized(cover, size)
    if size > DETECT:  # enlarged softly, then made crisp again
        shown = np.clip((shown - 0.5) * (size / DETECT) + 0.5, 0, 1)
    picture = Image.fromarray((255 * (1 - shown)).round().astype(np.uint8))
    near = distance.reshape(WORKING, DETECT // WORKING, WORKING, DETECT // WORKING).min(axis=(1, 3))
    centre = skeleton(near < 0.75)
    lines = (_resized(cover, WORKING) >= 0.5) | centre
    return Sketch(lines, centre, picture, notes)


def _resized(field: Field, side: int) -> Field:
    filter_ = Image.Resampling.BOX if side < field.shape[0] else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(field).resize((side, side), filter_), dtype=np.float32)
