"""Draw the example sketches by code: smooth strokes with the slight wobble of a hand, black on white.

Run `python examples/draw_sketches.py` to write examples/sketches/*.png (512 x 512 pixels) anew; the
same pictures come out every time.

A figure is a list of strokes on a 100 x 100 page. A stroke is a line of `x,y` points that a
Catmull-Rom curve runs through; a leading `o` closes it, a leading `-` keeps its corners, and a
leading `.` draws a filled dot of the given radius (`. x,y r`).
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 512
OVERSAMPLE = 4
WIDTH = 5.0  # of a stroke, in pixels of the result

FIGURES: dict[str, list[str]] = {
    "giraffe": [
        # head, from the back of the skull over the muzzle to the throat
        "69.5,14 71.5,11.5 75,12.5 79,16 83.5,19.5 84.5,22 83,23.8 79.5,23 75.5,22.5 72.5,24",
        "84.3,22 82,21.8 80,21.2",
        ". 74.6,17.4 0.9",
        ". 82.6,19.9 0.4",
        # horns and ear
        "70.6,11.8 69.8,8.4 69.2,5",
        ". 69,4.6 0.9",
        "74.2,12 74.8,8.6 75.6,5.2",
        ". 75.8,4.8 0.9",
        "69.3,14.2 66,11.6 62.4,11.6 64.4,14.8 68.6,16.6",
        # neck: nape, throat and chest
        "68.8,16.4 66.5,23 63,31 58.5,40 53.5,48 47.5,54",
        "72.5,24 71.8,31 69.5,39 66.8,47.5 64.6,55 63.4,63",
        # back, rump, tail
        "47.5,54 41,55.6 34,57.6 28,59.6 24,63.4 22.4,69",
        "24,63 20.4,67.4 19,74 18.6,80.4",
        "18.6,80.4 16.9,84 17.6,87.4 18.9,88 19.9,84.6 18.7,80.5",
        # near hind leg
        "22.4,69 22.8,74 21.6,80 22.6,88 22.2,96.4 26.6,96.6 26.7,88 27.2,81 30,74.6",
        # far hind leg
        "31.6,75.6 32.2,82 31.6,95 35.2,95.2 35.8,84 36.8,75.8",
        # belly
        "30,74.6 36,75.8 44,75.4 52.2,73",
        # near front leg
        "52.2,72.4 53,80 52.8,88 52.2,96.6 56.6,96.8 57,88 57.8,80 59.6,71.5",
        # far front leg
        "59.6,71.5 60.8,80 61,95.4 64.6,95.4 64.6,84 64.4,74 63.4,63",
        # patches
        "o 66.8,26.6 69.8,27 69.2,32 65.2,31.4",
        "o 63,36 67.2,36.6 65.8,42.2 60.6,41.2",
        "o 58,45.6 63.4,46.2 62.2,52.6 55.4,51.6",
        "o 52.6,57.2 58.8,57 59.4,62.6 54.4,63.6",
        "o 42,59.6 47.6,58.8 49,64.4 43.6,66.8 40.4,63.4",
        "o 30.4,62.4 36,61.2 37,65.8 32.4,68 29.4,65.6",
    ],
}


def curve(points: np.ndarray, closed: bool) -> np.ndarray:
    """Points along a uniform Catmull-Rom spline through the given ones."""
    ends = (
        (points[-1:], points[:2])
        if closed
        else (2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1])
    )
    p = np.concatenate([ends[0], points, ends[1]])
    t = np.linspace(0, 1, 32, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        parts.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    return np.concatenate([*parts, p[-2:-1]])


def evenly(line: np.ndarray) -> np.ndarray:
    """The line with a point every 0.1 page units."""
    steps = np.r_[0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    places = np.arange(0, steps[-1], 0.1)
    return np.stack([np.interp(places, steps, line[:, 0]), np.interp(places, steps, line[:, 1])], axis=1)


def wobble(line: np.ndarray, rng: np.random.Generator, size: float) -> np.ndarray:
    """Shift the line by slow random waves, as an unsteady hand does; `size` is in page units."""
    steps = np.r_[0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    shift = np.zeros_like(line)
    for wave in (7.0, 17.0, 41.0):
        phase = rng.uniform(0, 2 * np.pi, 2)
        shift += rng.normal(0, size / 1.7, 2) * np.sin(2 * np.pi * steps[:, None] / wave + phase)
    return line + shift


def stroke(text: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points and brush widths (both in page units) of one stroke of a figure."""
    kind = text[0] if text[0] in "o-." else ""
    words = text[1 if kind else 0 :].split()
    if kind == ".":
        return np.array([[float(v) for v in words[0].split(",")]]), np.array([2 * float(words[1])])
    points = np.array([[float(v) for v in word.split(",")] for word in words])
    if kind == "-":
        pieces = [np.linspace(a, b, 24, endpoint=False) for a, b in zip(points, points[1:], strict=False)]
        line = np.concatenate([*pieces, points[-1:]])
    else:
        line = curve(points, closed=kind == "o")
    line = wobble(evenly(line), rng, 0.22)
    along = np.linspace(0, 1, len(line))
    pressure = (
        1
        + 0.12 * np.sin(2 * np.pi * (along * 1.5 + rng.uniform()))
        - 0.25 * (along < 0.03)
        - 0.3 * (along > 0.97)
    )
    return line, WIDTH * 100 / SIDE * pressure


def draw(name: str) -> Image.Image:
    """One figure as a black-on-white picture, mode L."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    side = SIDE * OVERSAMPLE
    page = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(page)
    for text in FIGURES[name]:
        line, widths = stroke(text, rng)
        for (x, y), width in zip(line * side / 100, widths * side / 200, strict=True):
            pen.ellipse((x - width, y - width, x + width, y + width), fill=0)
    return page.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sketches")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        draw(name).save(out / f"{name}.png", optimize=True)
        print(out / f"{name}.png")


if __name__ == "__main__":
    main()
