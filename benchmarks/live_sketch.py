"""How much of sketch guidance does the live way keep, and how long does a picture take?

    python benchmarks/live_sketch.py [--sketches 200] [--live FOLDER] [--steps 30]

Human sketches of the pacs test split with their class phrase as prompt, equal seeds, one picture each: sketch
guidance at the default dial, the live way with the weights that are there, and the live way without any
(guidance on a few steps). F1, Chamfer distance and class agreement as in `sketch_guidance.py`. Seconds are
those of one picture alone, the guided ones in batches of 16.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import palitra
from concepts import CONCEPTS, load_judge
from palitra.data.datasets import data_root
from palitra.data.edges import EdgeDetector
from palitra.data.images import to_tensor
from palitra.recipes.live_sketch import LiveSketcher, LiveWish
from palitra.spec.build import build
from palitra.spec.recipes import SketchToImageParams
from palitra.studio import Studio, live_folder
from sketch_guidance import Case, Score, draw, human_sketches, score, sheet

WANTED_F1 = 0.9
WANTED_AGREEMENT = 0.05


def prompt_of(case: Case) -> str:
    name = CONCEPTS[case.concept]
    return f"a photo of {'an' if name[0] in 'aeiou' else 'a'} {name}"


def draw_live(live: LiveSketcher, cases: list[Case]) -> tuple[Tensor, list[float]]:
    """Pictures (N, 3, S, S) in [-1, 1], seed i for case i, and the seconds of each."""
    made, seconds = [], []
    live.picture(cases[0].drawing[None], LiveWish(prompt_of(cases[0]), 0))  # loads what it needs
    for seed, case in enumerate(cases):
        began = time.perf_counter()
        picture = live.picture(case.drawing[None], LiveWish(prompt_of(case), seed))
        seconds.append(time.perf_counter() - began)
        made.append(to_tensor(picture) * 2 - 1)
    return torch.cat(made), seconds


def tell(name: str, s: Score, seconds: list[float]) -> dict[str, float]:
    middle, slow = float(np.median(seconds)), float(np.quantile(seconds, 0.95))
    print(
        f"{name:30} F1 {s.f1:.3f}  P {s.precision:.3f}  R {s.recall:.3f}  Chamfer {s.chamfer:.2f} px  "
        f"class {s.agreement:.1%}  {middle:.3f} s/picture (p95 {slow:.3f})",
        flush=True,
    )
    return {**vars(s), "seconds": middle, "seconds_p95": slow}


def compare(
    studio: Studio, cases: list[Case], ways: dict[str, LiveSketcher], steps: int, data: Path, out: Path
) -> dict[str, dict[str, float]]:
    judge, detector = load_judge(data), EdgeDetector.load()
    results: dict[str, dict[str, float]] = {}
    began = time.perf_counter()
    rows = [draw(studio, cases, steps, *build(SketchToImageParams, {"prompt": "x"}).dial())]
    each = (time.perf_counter() - began) / len(cases)
    results["guidance"] = tell("guidance", score(studio, judge, detector, cases, rows[0]), [each])
    for name, live in ways.items():
        made, seconds = draw_live(live, cases)
        results[name] = tell(name, score(studio, judge, detector, cases, made), seconds)
        rows.append(made)
    sheet(cases, rows, out / "live-sketch.png")
    return results


def verdict(guided: dict[str, float], live: dict[str, float]) -> str:
    """What the live way must reach: 90 % of the F1, and class agreement within five points."""
    share, gap = live["f1"] / guided["f1"], guided["agreement"] - live["agreement"]
    kept = share >= WANTED_F1 and gap <= WANTED_AGREEMENT
    return (
        f"live F1 is {share:.1%} of guidance's, class agreement {-gap:+.1%}: {'kept' if kept else 'missed'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--live", type=Path, default=None, help="folder with student/ and adapter/")
    parser.add_argument("--sketches", type=int, default=200)
    parser.add_argument("--steps", type=int, default=30, help="of sketch guidance")
    parser.add_argument("--data", type=Path, default=data_root())
    parser.add_argument("--out", type=Path, default=Path("out"))
    args = parser.parse_args()
    studio = palitra.load(args.model)
    with_weights = LiveSketcher(studio.model, studio.predictor, args.live or live_folder(args.model))
    ways = {f"live ({with_weights.way}, {with_weights.steps} steps)": with_weights}
    if with_weights.way != "guidance":
        without = LiveSketcher(studio.model, studio.predictor)
        ways[f"live (guidance, {without.steps} steps)"] = without
    cases = human_sketches(args.data, studio.model.size, with_weights.line_width, args.sketches)
    results = compare(studio, cases, ways, args.steps, args.data, args.out)
    print(verdict(results["guidance"], results[next(iter(ways))]))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "live_sketch.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
