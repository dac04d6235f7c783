"""Ruled and squared paper: its lines are found by their period and taken out, drawn lines stay.

A ruling is at least five thin lines, nearly straight and parallel, that run from edge to edge at
regular distances. Nothing drawn by hand is all of that at once: the boards of a drawn house end at
its walls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from palitra.data.ink import Ink, noise_floor
from palitra.data.notes import Note, note
from palitra.data.strokes import Field, Mask

# Lengths are in pixels of the detection canvas.
_STRIPS: Final = 16  # a line is followed from strip to strip
_STEEPEST: Final = 0.1  # slope of the paper on the photo
_FEWEST: Final = 5
_CLOSEST: Final = 6
_CAP: Final = 0.35  # dark ink counts no more than this beside faint rulings
_REACH: Final = 3  # how far a line may bend between two strips
_THICKEST: Final = 4  # half thickness
_SOFT_EDGE: Final = 0.6  # blur at a line's edge


@dataclass(frozen=True, slots=True)
class _Line:
    """A long thin line: its row in every column, its strength, half its thickness."""

    rows: Field
    level: float
    half: float


def remove_ruling(ink: Ink) -> tuple[Ink, list[Note]]:
    """The page without the lines of its ruled or squared paper, and a note if there were any.

    Pixels clearly stronger than the ruling stay; a stroke that is no stronger is carried on across it.
    """
    across, upright = _find_lines(ink.strength), _find_lines(ink.strength.T)
    height, width = ink.strength.shape
    rules, columns = _regular(across, height), _regular(upright, width)
    if not rules and not columns:
        return ink, []
    if rules and not columns:
        columns = _margin_lines(upright, width)
    elif columns and not rules:
        rules = _margin_lines(across, height)
    across_bands, upright_bands = _bands((height, width), rules), _bands((width, height), columns).T
    ruling = 1 - (1 - across_bands) * (1 - upright_bands)
    reach = 1 + round(max(line.half for line in [*rules, *columns]) + _SOFT_EDGE)
    bare = np.where(ruling > 0, 0, ink.strength).astype(np.float32)
    carried = _bridged(bare, across_bands > 0, upright_bands > 0, reach)
    stronger = ink.strength > 1.25 * ruling + 0.05 + carried
    strength = np.where((ruling > 0) & ~stronger, carried, ink.strength)
    floor = noise_floor(strength) if ink.photographed else ink.floor
    done = note("ruled_paper_removed", count=len(rules) + len(columns))
    return replace(ink, strength=strength, floor=floor), [done]


def _find_lines(strength: Field) -> list[_Line]:
    """Thin lines from the left edge to the right edge, top to bottom."""
    faint = np.minimum(strength, _CAP)
    faint = faint - ndimage.uniform_filter1d(faint, 4 * _THICKEST + 1, axis=0)
    width = faint.shape[1]
    strips = np.stack([part.mean(1) for part in np.array_split(faint, _STRIPS, axis=1)], axis=1)
    slope = _slope(strips, width)
    centres = (np.arange(_STRIPS) + 0.5) * width / _STRIPS
    found = []
    for row in _peaks(strips, slope * (centres - width / 2)):
        rows = _follow(strips, row + slope * (centres - width / 2))
        if rows is not None:
            found.append(_measured(strength, rows, centres))
    found.sort(key=lambda line: float(line.rows.mean()))
    return _distinct(found)


def _slope(strips: Field, width: int) -> float:
    """The slope that makes the sum over the strips sharpest."""
    slopes = np.linspace(-_STEEPEST, _STEEPEST, 61)
    offsets = (np.arange(_STRIPS) + 0.5) * width / _STRIPS - width / 2
    sharpness = [float((_profile(strips, s * offsets).clip(0, None) ** 2).sum()) for s in slopes]
    return float(slopes[int(np.argmax(sharpness))])


def _profile(strips: Field, shifts: NDArray[np.float64]) -> Field:
    """Mean of the strips, each moved up by its shift."""
    rows = np.arange(strips.shape[0])
    moved = [np.interp(rows + shift, rows, strips[:, i], 0, 0) for i, shift in enumerate(shifts)]
    return np.mean(moved, axis=0).astype(np.float32)


def _peaks(strips: Field, shifts: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows (at the middle column) where the slanted profile peaks clearly."""
    profile = _profile(strips, shifts)
    top = profile == ndimage.maximum_filter1d(profile, _CLOSEST - 1)
    return np.flatnonzero(top & (profile > max(0.012, 0.25 * float(np.percentile(profile, 98)))))


def _follow(strips: Field, start: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Row of the line in every strip, or None where it does not run from edge to edge.

    From the middle outwards the line may bend by `_REACH` rows per strip against its slope.
    """
    height = strips.shape[0]
    rows = start.copy()
    values = np.zeros(_STRIPS)
    middle = _STRIPS // 2
    for order in (range(middle, _STRIPS), range(middle - 1, -1, -1)):
        bend = 0.0
        for i in order:
            guess = round(start[i] + bend)
            low, high = max(0, guess - _REACH), min(height, guess + _REACH + 1)
            if low >= high:
                values[i] = np.nan  # left the page above or below
                rows[i] = guess
                continue
            best = low + int(strips[low:high, i].argmax())
            values[i] = strips[best, i]
            if values[i] > 0.012:
                bend = best + _offset(strips[:, i], best) - start[i]
            rows[i] = start[i] + bend
    on_page = ~np.isnan(values)
    if on_page.sum() < 0.6 * _STRIPS:
        return None
    present = on_page & (np.nan_to_num(values) > max(0.012, 0.3 * float(np.nanmedian(values))))
    seen = present[on_page]
    if seen.mean() < 0.8 or not seen[:3].any() or not seen[-3:].any():
        return None
    # paper bends gently: a cubic through the strips is truer than any single strip
    places = np.linspace(-1, 1, _STRIPS)
    return np.polynomial.Polynomial.fit(places[present], rows[present], 3)(places)


def _offset(values: Field, top: int) -> float:
    """How far the crest lies from its largest sample: the vertex of the parabola through three."""
    if not 0 < top < len(values) - 1:
        return 0.0
    above, here, below = (float(v) for v in values[top - 1 : top + 2])
    curve = above - 2 * here + below
    return 0.0 if curve >= 0 else float(np.clip(0.5 * (above - below) / curve, -0.5, 0.5))


def _measured(strength: Field, rows: NDArray[np.float64], centres: NDArray[np.float64]) -> _Line:
    """The line with its level and thickness read from the page."""
    height, width = strength.shape
    columns = np.arange(width)
    smooth = np.interp(columns, centres, rows)
    around = np.arange(-2 * _THICKEST, 2 * _THICKEST + 1)
    places = (smooth[None] + around[:, None]).round().astype(int).clip(0, height - 1)
    band = strength[places, columns[None]]
    section = np.median(band, axis=1)
    section = section - np.median(section)
    middle = section[_THICKEST : 3 * _THICKEST + 1].max()
    half = min(float(_THICKEST), float((section > 0.3 * middle).sum()) / 2)
    core = band[np.abs(around) <= 1].max(0)
    return _Line(smooth.astype(np.float32), float(np.median(core)), half)


def _distinct(lines: list[_Line]) -> list[_Line]:
    """The lines less those that followed the same ink as the one above."""
    kept: list[_Line] = []
    for line in lines:
        if not kept or float(np.abs(line.rows - kept[-1].rows).mean()) > _CLOSEST - 2:
            kept.append(line)
    return kept


def _regular(lines: list[_Line], extent: int) -> list[_Line]:
    """The ruling: at least five lines at one distance, completed where ink hid some; else nothing."""
    if len(lines) < _FEWEST:
        return []
    rows = np.array([float(line.rows.mean()) for line in lines])
    steps = np.diff(rows)
    unit = _unit(steps)
    times = np.maximum(1, (steps / unit).round())
    counted = (np.abs(steps / unit - times) < 0.2) & (times <= 6)
    if counted.sum() < _FEWEST - 1 or counted.mean() < 0.7:
        return []
    partner = np.r_[False, counted] | np.r_[counted, False]
    return _completed([line for line, regular in zip(lines, partner, strict=True) if regular], unit, extent)


def _unit(steps: NDArray[np.float64]) -> float:
    """The distance between neighbouring rulings: the median of the steps near the smaller ones."""
    small = float(np.percentile(steps, 30))
    return float(np.median(steps[steps < 1.5 * small]))


def _completed(lines: list[_Line], unit: float, extent: int) -> list[_Line]:
    """The ruling with the lines that ink hid put between its neighbours, and on to the page's ends."""
    full = [lines[0]]
    for line in lines[1:]:
        above = full[-1]
        gap = round(float((line.rows - above.rows).mean()) / unit)
        full += [_between(above, line, share / gap) for share in range(1, gap)]
        full.append(line)
    if len(full) < 2:
        return full
    while float(full[0].rows.max()) > 0:
        full.insert(0, _between(full[0], full[1], -1.0))
    while float(full[-1].rows.min()) < extent:
        full.append(_between(full[-2], full[-1], 2.0))
    return full


def _between(one: _Line, other: _Line, share: float) -> _Line:
    """A line at `share` of the way from one to the other; beyond them for shares outside [0, 1]."""
    rows = one.rows + (other.rows - one.rows) * np.float32(share)
    return _Line(rows, max(one.level, other.level), max(one.half, other.half))


def _margin_lines(lines: list[_Line], extent: int) -> list[_Line]:
    """Single lines along the outer quarters: the margin of a ruled page."""
    return [line for line in lines if not 0.25 * extent < float(line.rows.mean()) < 0.75 * extent]


def _bands(shape: tuple[int, ...], lines: list[_Line]) -> Field:
    """Strength of the ruling alone: each line's level over its band, zero elsewhere."""
    bare = np.ones(shape, dtype=np.float32)
    row = np.arange(shape[0], dtype=np.float32)[:, None]
    for line in lines:
        low, high = max(0, int(line.rows.min()) - 8), max(0, int(line.rows.max()) + 9)
        band = np.abs(row[low:high] - line.rows) <= line.half + _SOFT_EDGE
        bare[low:high][band] *= 1 - line.level
    return 1 - bare


def _bridged(strength: Field, level: Mask, upright: Mask, reach: int) -> Field:
    """The page with strokes carried on over the erased bands, in the direction they come from.

    The largest of five closings along short lines that lean at most 45 degrees against the band's
    crossing; where level and upright bands meet, only the two diagonals.
    """
    across = [_closed(strength, lean, reach) for lean in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    along = [_closed(strength.T, lean, reach).T for lean in (-0.5, 0.0, 0.5)]
    diagonal = np.maximum(across[0], across[-1])
    over_level = np.maximum.reduce(across)
    over_upright = np.maximum.reduce([diagonal, *along])
    carried = np.where(level & upright, diagonal, np.where(level, over_level, over_upright))
    return np.where(level | upright, carried, strength)


def _closed(strength: Field, lean: float, reach: int) -> Field:
    """Closing along a line of `reach` rows to either side, `lean` columns per row."""
    footprint = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=bool)
    for row in range(-reach, reach + 1):
        footprint[row + reach, round(lean * row) + reach] = True
    return ndimage.grey_closing(strength, footprint=footprint)
