"""Strokes of a drawing as one-pixel centre lines: found, cleaned and redrawn at a wanted width."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

_EIGHT: Final = np.ones((3, 3), dtype=bool)


def hysteresis(strength: Field, low: Field | float, high: Field | float) -> Mask:
    """Pixels above `low` that hang together with one above `high` (Canny 1986, section VIII)."""
    weak = strength > low
    labels, count = ndimage.label(weak, _EIGHT)
    kept = np.zeros(count + 1, dtype=bool)
    kept[labels[weak & (strength > high)]] = True
    kept[0] = False
    return kept[labels]


def without_specks(ink: Mask, strength: Field, least: int) -> tuple[Mask, int]:
    """The ink without dirt, and how many parts were taken away.

    Dirt is a connected part below `least` pixels, or a compact one below 28 pixels across that is
    much paler than the ink of the page.
    """
    labels, count = ndimage.label(ink, _EIGHT)
    if count == 0:
        return ink, 0
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    peaks = _largest(strength, labels, count)[1:]
    extents = np.array([max(r.stop - r.start, c.stop - c.start) for r, c in ndimage.find_objects(labels)])
    pale = peaks < 0.45 * float(np.percentile(strength[ink], 80))
    kept = np.r_[False, (areas >= least) & ~(pale & (extents < 28))]
    return kept[labels], int(count - kept.sum())


def skeleton(ink: Mask) -> Mask:
    """Centre lines of the ink, one pixel wide.

    Source: Zhang and Suen 1984, working on the ink's pixels only. Differs in one thing: a part that
    their rules wear away whole (a square of 2 x 2) keeps its middle pixel.
    """
    padded = np.pad(ink, 1).astype(np.uint8)
    flat = padded.ravel()
    places = np.flatnonzero(flat)
    changed = True
    while changed:
        changed = False
        for table in _thinning_tables():
            gone = table[_neighbour_codes(flat, places, padded.shape[1])]
            flat[places[gone]] = 0
            places = places[~gone]
            changed |= bool(gone.any())
    centre = padded[1:-1, 1:-1].astype(bool)
    labels, count = ndimage.label(ink, _EIGHT)
    lost = np.setdiff1d(np.arange(1, count + 1), labels[centre])
    for y, x in ndimage.center_of_mass(ink, labels, lost) if lost.size else ():
        centre[round(y), round(x)] = True
    return centre


def stroke_width(ink: Mask, centre: Mask) -> float:
    """Mean width of the strokes in pixels: area over length of the centre lines."""
    return float(ink.sum()) / max(1.0, float(centre.sum()))


def dots(ink: Mask, inside: Field, width: float) -> Mask:
    """Cores of the dots among the strokes (an eye, a door knob), which thinning would make vanish.

    A dot is a part of the ink hardly longer than wide. Its core is the dot less half of `width`, so
    that lines `width` wide around the core give the dot back; it is never smaller than a fifth of
    `width`, so that a small dot stays visible.

    Args:
        ink: (H, W) the strokes.
        inside: distance of every ink pixel to the paper.
        width: of the lines that will be drawn.
    """
    labels, count = ndimage.label(ink, _EIGHT)
    if count == 0:
        return np.zeros_like(ink)
    boxes = ndimage.find_objects(labels)
    radius = _largest(inside, labels, count)
    extent = np.array(
        [0] + [max(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in boxes]
    )
    is_dot = extent <= 3 * radius
    is_dot[0] = False
    found = is_dot[labels]
    core = inside > np.minimum(width / 2, 0.999 * radius[labels])
    least = distance_to(found & (inside >= 0.999 * radius[labels])) <= width / 5 if found.any() else found
    return (core | least) & (found | least)


def prune(centre: Mask, length: int) -> Mask:
    """Cut side branches shorter than `length` pixels; true ends and short strokes of their own stay.

    Ends are peeled `length` times, then the surviving ends grow back along the old centre lines;
    a part that vanished whole is put back whole.
    """
    peeled = np.pad(centre, 1).astype(np.uint8)
    flat, row = peeled.ravel(), peeled.shape[1]
    places = np.flatnonzero(flat)
    for _ in range(length):
        gone = _end_table()[_neighbour_codes(flat, places, row)]
        flat[places[gone]] = 0
        places = places[~gone]
    kept = peeled[1:-1, 1:-1].astype(bool)
    tips = places[_end_table()[_neighbour_codes(flat, places, row)]]
    cut = np.pad(centre, 1).ravel() & (flat == 0)
    for _ in range(length):
        beside = np.unique(tips[:, None] + _ring(row))
        tips = beside[cut[beside]]
        cut[tips] = False
        flat[tips] = 1
    grown = peeled[1:-1, 1:-1].astype(bool)
    labels, count = ndimage.label(centre, _EIGHT)
    alive = np.zeros(count + 1, dtype=bool)
    alive[labels[kept]] = True
    return grown | (centre & ~alive[labels])


def bridge(centre: Mask, reach: int) -> Mask:
    """Close gaps of up to `reach` pixels between an end and the nearest line it does not hang on.

    Whether it hangs on it is asked within twice the reach only, so that a gap in a closed outline,
    whose two ends are one part the long way round, is closed too.
    """
    rim = 2 * reach
    padded = np.pad(centre, rim + 1).astype(np.uint8)
    row = padded.shape[1]
    places = np.flatnonzero(padded)
    ends = places[_end_table()[_neighbour_codes(padded.ravel(), places, row)]]
    away = np.indices((2 * rim + 1, 2 * rim + 1)) - rim
    distance = np.hypot(*away)
    for y, x in zip(ends // row, ends % row, strict=True):
        parts = ndimage.label(padded[y - rim : y + rim + 1, x - rim : x + rim + 1], _EIGHT)[0]
        foreign = (parts > 0) & (parts != parts[rim, rim]) & (distance <= reach)
        if foreign.any():
            nearest = np.where(foreign, distance, np.inf).argmin()
            dy, dx = away[:, nearest // (2 * rim + 1), nearest % (2 * rim + 1)]
            way = np.linspace((y, x), (y + dy, x + dx), 1 + max(abs(dy), abs(dx))).round().astype(int)
            padded[way[:, 0], way[:, 1]] = 1
    return padded[rim + 1 : -rim - 1, rim + 1 : -rim - 1].astype(bool)


def draw(distance: Field, width: float) -> Field:
    """Ink coverage in [0, 1] of lines `width` pixels wide, from the distance to their centre lines.

    From three pixels on the steps of the pixel grid are rounded off; the width stays.
    """
    cover = np.clip(width / 2 + 0.5 - distance, 0, 1).astype(np.float32)
    if width < 3:
        return cover
    soft = ndimage.gaussian_filter(cover, 1.0)
    return np.clip((soft - 0.5) * 2.5 + 0.5, 0, 1).astype(np.float32)


def distance_to(centre: Mask) -> Field:
    """Euclidean distance in pixels from every pixel to the nearest centre line."""
    return ndimage.distance_transform_edt(~centre).astype(np.float32)


def _largest(field: Field, labels: NDArray[np.int32], count: int) -> Field:
    """Largest value of the field in every labelled part; index 0 is the ground."""
    largest = np.zeros(count + 1, dtype=field.dtype)
    inked = labels > 0
    np.maximum.at(largest, labels[inked], field[inked])
    return largest


def _ring(row: int) -> NDArray[np.intp]:
    """Steps to the eight neighbours in a flat picture, clockwise from the top."""
    return np.array([-row, -row + 1, 1, row + 1, row, row - 1, -1, -row - 1])


def _neighbour_codes(flat: NDArray[np.uint8], places: NDArray[np.intp], row: int) -> NDArray[np.uint8]:
    """Eight neighbours of the named pixels as one byte; rows are `row` long."""
    code = np.zeros(places.size, dtype=np.uint8)
    for bit, step in enumerate(_ring(row)):
        code |= flat[places + step] << bit
    return code


@cache
def _end_table() -> Mask:
    """Ends of lines, by neighbour code: one neighbour, or two that touch each other."""
    codes = np.arange(256, dtype=np.uint8)
    bits = codes[:, None] >> np.arange(8) & 1
    starts = (bits == 0) & (np.roll(bits, -1, axis=1) == 1)
    return (starts.sum(1) == 1) & (bits.sum(1) <= 2)


@cache
def _thinning_tables() -> tuple[Mask, Mask]:
    """Removable pixels of the two sub-iterations, by neighbour code."""
    codes = np.arange(256, dtype=np.uint8)
    p2, p3, p4, p5, p6, p7, p8, p9 = ((codes >> bit & 1).astype(int) for bit in range(8))
    around = np.stack([p2, p3, p4, p5, p6, p7, p8, p9])
    starts = ((around == 0) & (np.roll(around, -1, axis=0) == 1)).sum(0)
    count = around.sum(0)
    removable = (count >= 2) & (count <= 6) & (starts == 1)
    first = removable & (p2 * p4 * p6 == 0) & (p4 * p6 * p8 == 0)
    second = removable & (p2 * p4 * p8 == 0) & (p2 * p6 * p8 == 0)
    return first, second
