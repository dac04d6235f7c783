"""Draw the example sketches by code: smooth strokes with the slight wobble of a hand, black on white.

Run `python examples/draw_sketches.py` to write examples/sketches/*.png (512 x 512 pixels) anew; the
same pictures come out every time. `--strokes web/src/create/examples.json` writes the same lines as strokes,
which the web page opens as drawings.

A figure is a list of strokes on a 100 x 100 page. A stroke is a line of `x,y` points that a
Catmull-Rom curve runs through; a leading `o` closes it, a leading `-` keeps its corners, and a
leading `.` draws a filled dot of the given radius (`. x,y r`).
"""

from __future__ import annotations

import argparse
import itertools
import json
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
    "cat": [
        # head, ears
        "22.6,25 20.6,33 24,40.5 30,44.4 36,45.4 42,44.4 48,40.5 51.4,33 49.4,25",
        "-22.6,25.4 21.4,9.6 31,17.2",
        "31,17.2 36,16.2 41,17.2",
        "-41,17.2 50.6,9.6 49.4,25.4",
        # face
        "o 27,29 29.6,26.6 32.4,28.6 30,31.2",
        "o 39.6,28.6 42.4,26.6 45,29 42,31.2",
        ". 29.9,29 0.7",
        ". 42.1,29 0.7",
        "-34.4,34.4 37.6,34.4 36,36.4 34.4,34.4",
        "36,36.4 35.2,39.4 32.4,40 30.6,38.4",
        "36,36.4 36.8,39.4 39.6,40 41.4,38.4",
        "26,36 19,35 12.6,35.4",
        "26.4,38.6 19.6,39.8 13.6,42",
        "46,36 53,35 59.4,35.4",
        "45.6,38.6 52.4,39.8 58.4,42",
        # back and tail
        "47,41.6 56,46.6 64,55 69.6,66 71.4,77 69.4,86",
        "69.6,85.6 77,88.4 84,86.4 88.4,79 88,70.4 85,65.4 82.4,68 83.6,75 81.6,80 76.6,81 71.4,79",
        # haunch and hind paw
        "60.6,63.6 53.6,68.6 50.4,76 51.4,84 54.6,88.4",
        "69.4,86 65,91.4 57,93.4 49.6,93.2 47.4,90.8 50,88.6 54.6,88.4",
        # chest and front legs
        "27.6,43.6 25.6,52 27,61 28.6,70 28,80 27.4,87 24.4,90.4 26,93 32.4,93.2 34.6,90",
        "34.8,66 35.2,76 34.6,90",
        "34.6,90 35,93.2 41.6,93.4 44,91 42.2,87.4 42.2,78 43.6,67",
    ],
    "horse": [
        # head
        "70.4,15.6 70,11.6 71.4,8.6 73.4,11.6 74.2,15",
        "74.2,15 78.4,19.6 82.4,24.6 86.6,29 88,32.4 86.6,35.4 83,35.6 79.6,33.4 75.8,31.4 73.4,29.2",
        "86.9,34.2 84.6,33.6 82.6,32.4",
        ". 76.4,20.8 0.9",
        ". 85.6,31 0.5",
        # mane
        "70.2,14.8 66.4,16.4 66.6,20 62,21 62.4,25.4 57.6,26.6 58.4,31 53.6,32.6 54.6,36.4",
        "70.2,14.8 71.6,18 69.6,21.6",
        # throat and chest
        "73.4,29.2 72.8,35 70.6,41 69.6,47 69,53 66.2,58.6",
        # back and rump
        "54.6,36.4 49,39.6 42,40.6 34,39.2 26.6,38.4 21,41.4 18.4,47 18.2,52.6",
        # tail
        "20.6,41.4 15.4,43 11.8,50 10.8,60 8,70 6.4,75.6 11.4,73.4 14.6,66 16,57 18.4,50",
        # hind legs
        "18.2,52.6 20,60 17.4,67.4 19.4,75 18.2,83 15.6,89.6 21.6,90 22.4,83.6 23.2,75.4 24,68.4 30.2,59.6",
        "29.4,60.6 30.6,67.6 29.6,74.4 29.8,82 28,87.6 33.6,87.8 34,80.6 34.6,72 36.6,61",
        # belly
        "30.2,59.6 38,61.4 48,61.4 57.2,59",
        # front legs
        "57.2,59 58.6,68 58.2,76 58.6,84 56.8,90 62.6,90.2 62.8,83 63.2,74 66.2,58.6",
        "66.2,58.6 67.6,68 67.2,76 67.8,82 66.4,87.4 71.6,87.6 71.8,80 71.8,70 71.2,60 69,53",
    ],
    "house": [
        "-20.4,48.6 20,88.4 80.4,88 79.8,48.2",
        "-50,14.4 11,50.6 15.4,52 50.2,19.6",
        "-50,14.4 88.8,50 84.6,51.8 50.2,19.6",
        "-20,48 80,48",
        "-64.6,27.6 64.8,14 74.4,14 74.2,36.4",
        "69.6,10.6 67,7.4 70.4,4.6 68.6,1.8",
        "-44,88.2 44.2,63.4 57,63.2 57,88",
        ". 54,76.4 0.9",
        "-25.4,56.4 25.6,70.4 38.4,70.2 38.2,56.2 25.4,56.4",
        "-31.8,56.4 32,70.2",
        "-25.6,63.2 38.2,63.2",
        "-62.8,56.4 62.8,70.2 75.4,70.2 75.2,56.2 62.8,56.4",
        "-69,56.4 69.2,70.2",
        "-62.8,63.2 75.2,63.2",
        "o 50,30.4 54.4,32.4 55.6,36.6 53.6,40.6 49.6,41.8 45.8,40 44.4,36 46,32",
    ],
    "elephant": [
        # forehead and trunk
        "60.4,26 65,21.6 71,20.8 76,24 78.8,30 79.8,38 80.6,46 81,54",
        "81.6,62 82.4,67 85.6,71 89.6,70 91.4,66.4 94.6,67.6 94.2,73 90,77.8 83.4,77.8 77.6,73.4"
        " 74.6,66 73.6,57",
        # tusk and mouth
        "74.8,51.6 79,56 85,57.4 90.4,54 88,60 82,62 76,60 72.6,55.4",
        "72.6,55.4 70,54 67.8,50.4",
        ". 71.4,33 1.0",
        # ear
        "61.4,26.6 54.4,26.4 48.8,30.6 47.4,38 49.4,46 53.6,52.4 58.4,54.4 61.2,50 63.8,44 64.6,36"
        " 63,30 61.4,26.6",
        # back and tail
        "52.6,27 45,24.6 35,24 24.6,26.6 16,32.6 11.4,42 10.6,52 11.6,60",
        "12.6,39 8.4,46 7,55 7.4,60",
        "7.4,60 5.4,65 8.4,66 7.6,60.4",
        # hind legs
        "11.6,60 13,70 12.4,80 11.6,90.2 24.8,90.6 25,81 27.4,70.4",
        "30.4,72 31,80 30.4,87.4 39.6,87.6 40,80 40.6,73",
        # belly
        "27.4,70.4 36,72.8 46.8,71.6",
        # front legs
        "46.8,69 48,80 47,90.4 60.4,90.6 60.6,81 62,70 65,60 67.4,51",
        "62.6,68 63.4,78 63,87.4 71.4,87.4 71.6,77 71.2,66 69.6,55",
    ],
    "guitar": [
        "o 45.4,44.4 38.6,46 34.8,51.4 36.4,57.4 38.8,61.6 36,66 30.6,71.4 28.6,79 31.4,87 39.4,92.4 50,93.8"
        " 60.6,92.4 68.6,87 71.4,79 69.4,71.4 64,66 61.2,61.6 63.6,57.4 65.2,51.4 61.4,46 54.6,44.4 50,44",
        "o 50,58.6 54.6,60.2 56.4,64.6 54.6,69 50,70.6 45.4,69 43.6,64.6 45.4,60.2",
        "-41.4,80.4 58.6,80.2 58.6,84 41.4,84.2 41.4,80.4",
        "-46.4,58.6 46.6,17.6",
        "-53.6,58.6 53.4,17.6",
        "46.6,17.6 44.4,14.6 43.4,6 46.6,4.4 50,5.6 53.4,4.4 56.6,6 55.6,14.6 53.4,17.6",
        "-46.6,17.8 53.4,17.6",
        "-50,79.8 50,18.6",
        "-46.6,25.4 53.4,25.2",
        "-46.6,33 53.4,32.8",
        "-46.6,40.4 53.4,40.2",
        ". 40.6,8.4 1.1",
        ". 41.2,13 1.1",
        ". 59.4,8.4 1.1",
        ". 58.8,13 1.1",
    ],
    "dog": [
        # head
        "13.4,31.4 17.6,28.4 23,27.2 25.6,22.6 30.6,19 37,18.8 41,20.4",
        "13.4,31.4 12.2,34.4 14.4,37.8 19.6,40.6 26,41.6 31.6,43.4",
        "15.4,38 20,37.6 24.4,36",
        ". 14.2,32.6 1.6",
        ". 28.4,26.6 1.0",
        # ear
        "36.4,20.4 41.4,20.6 45.4,25.4 47.2,32.6 46,39.6 42.4,41.6 38.6,37.6 36.2,31 35.4,25.4",
        # neck, collar
        "31.6,43.4 32,50 31,57 32.6,63.6",
        "46.4,37.6 49.6,40.6 54,41.8",
        "31.8,48.4 38,50.2 44.4,48 48.4,41.4",
        # back and tail
        "54,41.8 63,42.8 72,42 79.4,42.8",
        "79,42.6 84.6,38.4 88.4,31 90,23.4 92.8,21.6 94.2,25.4 92.4,34 88.4,41.6 83.6,47",
        # hind legs
        "83.6,47 84.8,55 83,61.6 86.6,68.4 86.2,74 83.8,81 83.2,88.4 75.4,89 74.8,86.4 78.2,84.2 78.8,78"
        " 79.4,73 74.4,67.4 71.6,62.4",
        "72.6,65 73.2,71 71,77.4 70.6,85.8 63.8,86.4 63.4,84 66.2,82.2 66.2,76 67.4,70 65.4,62.8",
        # belly
        "65.4,62.8 58,62.4 50.4,64.6 44.6,66.6",
        # front legs
        "44.6,64 44.8,74 44.2,82 44.2,89.2 35.6,89.4 35.2,86.6 38.4,84.6 38,75 36.4,66",
        "36.2,70 35.8,78 35.8,85.8 28.2,86.4 27.8,83.8 30.6,82 30.4,73 32.6,63.6",
    ],
    "face": [
        # face and ears
        "26.8,40 27,51 29.8,62 36,72 44.4,78.8 50,80.4 55.6,78.8 64,72 70.2,62 73,51 73.2,40",
        "26.6,45.6 23,44 21.4,48.4 23.4,55.6 26.8,58.6 28.8,58",
        "73.4,45.6 77,44 78.6,48.4 76.6,55.6 73.2,58.6 71.2,58",
        # hair
        "24.4,45 21.4,34 24,22.6 32.4,13 44,8.4 57,8.8 68.4,14 76,23.6 78.6,34 75.6,45",
        "26.8,41 29.6,33 36,27 42,30.4 52,31 60,28.4 66.4,29.4 70.8,34.6 73.2,41",
        # brows and eyes
        "32.4,40 37.4,37.6 44.6,39.2",
        "55.4,39.2 62.6,37.6 67.6,40",
        "o 33.6,46.8 37.4,44 42,44 45.4,47 41.4,49.4 37,49.2",
        "o 54.6,47 58,44 62.6,44 66.4,46.8 63,49.2 58.6,49.4",
        ". 39.6,46.6 1.7",
        ". 60.4,46.6 1.7",
        # nose and mouth
        "48.6,47 48.2,53 45.6,58.6 47,61.2 50,61.8 53,61.2 54.4,58.8",
        "39.6,66.4 43.4,68.4 47,68 50,68.8 53,68 56.6,68.4 60.4,66.4",
        "40.8,67.2 45,71.6 50,73 55,71.6 59.2,67.2",
        # neck and shoulders
        "40,77 40.2,84.6 35.4,88.6 25,91.6 16,94.6 11.4,99",
        "60,77 59.8,84.6 64.6,88.6 75,91.6 84,94.6 88.6,99",
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
        pieces = [np.linspace(a, b, 24, endpoint=False) for a, b in itertools.pairwise(points)]
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


def strokes(name: str) -> list[dict[str, object]]:
    """One figure as strokes: points and width in shares of the page's side."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    lines = []
    for text in FIGURES[name]:
        line, widths = stroke(text, rng)
        # the curve has a point every 0.1 units; an eighth of them keeps its shape
        thin = np.concatenate([line[:-1:8], line[-1:]]) / 100
        size = round(float(widths.max()) / 100, 4)
        lines.append({"size": size, "points": [[round(float(x), 4), round(float(y), 4)] for x, y in thin]})
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sketches")
    parser.add_argument("--strokes", type=Path, help="Also write the figures as strokes to this JSON file.")
    args = parser.parse_args()
    out = args.out
    if args.strokes:
        figures = {name: strokes(name) for name in FIGURES}
        args.strokes.write_text(json.dumps(figures, separators=(",", ":")) + "\n", encoding="utf-8")
    out.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        draw(name).save(out / f"{name}.png", optimize=True)
        print(out / f"{name}.png")


if __name__ == "__main__":
    main()
