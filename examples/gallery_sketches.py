"""The gallery's first picture: every example sketch and three pictures drawn from it.

python examples/gallery_sketches.py [--out docs/gallery]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import palitra
from palitra.data.sheets import contact_sheet

SKETCHES = Path(__file__).parent / "sketches"
WORDS = {
    "giraffe": "a photo of a giraffe",
    "elephant": "a photo of an elephant",
    "horse": "a photo of a horse",
    "dog": "a photo of a dog",
    "cat": "a photo of a cat",
    "house": "a photo of a house",
    "guitar": "a photo of a guitar",
    "face": "a photo of a person",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/gallery"))
    parser.add_argument("--names", nargs="*", default=list(WORDS))
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--best-of", type=int, default=8)
    parser.add_argument("--steps", type=int, default=30)
    args = parser.parse_args()
    studio = palitra.load()
    columns = []
    for name in args.names:
        drawn = studio.prepare(SKETCHES / f"{name}.png")
        run = studio.sketch(drawn, WORDS[name], n=args.rows, best_of=args.best_of, seed=1, steps=args.steps)
        columns.append([drawn.picture.convert("RGB"), *(p.image for p in run.pictures)])
    images = [column[row] for row in range(args.rows + 1) for column in columns]
    args.out.mkdir(parents=True, exist_ok=True)
    contact_sheet(images, len(columns)).save(args.out / "sketches.png")


if __name__ == "__main__":
    main()
