"""The gallery's second picture: one sketch from fidelity 0 to 1, equal seeds.

python examples/gallery_dial.py [--out docs/gallery]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import palitra
from palitra.data.sheets import contact_sheet

SKETCHES = Path(__file__).parent / "sketches"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/gallery"))
    parser.add_argument("--sketch", default="horse")
    parser.add_argument("--fidelities", type=float, nargs="*", default=[0, 0.2, 0.4, 0.6, 0.8, 1])
    parser.add_argument("--steps", type=int, default=30)
    args = parser.parse_args()
    studio = palitra.load()
    drawn = studio.prepare(SKETCHES / f"{args.sketch}.png")
    images, captions = [], []
    for seed in (1, 2):
        images.append(drawn.picture.convert("RGB"))
        captions.append("sketch")
        for fidelity in args.fidelities:
            run = studio.sketch(
                drawn, f"a photo of a {args.sketch}", fidelity=fidelity, seed=seed, steps=args.steps
            )
            images.append(run.pictures[0].image)
            captions.append(f"fidelity {fidelity:g}")
    args.out.mkdir(parents=True, exist_ok=True)
    contact_sheet(images, len(args.fidelities) + 1, captions=captions).save(args.out / "dial.png")


if __name__ == "__main__":
    main()
