"""How many steps a class model needs, by which sampler: distance, variety and class agreement.

    python benchmarks/class_samplers.py [--model fashion-cdm] [--pictures 1000] [--cache FOLDER]

Draws the same labels and seeds of an embedded diffusion with each sampler and number of steps and holds them
against the test pictures of Fashion-MNIST (`PALITRA_DATA`), as the experiments do. One thread, bf16. The
first run on a machine teaches the classifier and reads the real pictures (a quarter of an hour); `--cache`
keeps both, and takes those of `palitra experiment run` (OUT/shared).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from palitra.data.datasets import data_root
from palitra.experiments.data_sets import read_splits
from palitra.experiments.model_trial import JUDGE, trained_precision
from palitra.recipes.class_conditional import load_classes
from palitra.zoo.class_agreement import kept_judge
from palitra.zoo.families.family import Drawing
from palitra.zoo.yardstick import Yardstick, chosen_extractor

WAYS = ["ddim:50:0", "ddim:20:0", "ddim:12:0", "dpm++:20:0", "dpm++:12:0", "dpm++:8:0"]
WAYS += ["dpm++:20:0.25", "dpm++:20:0.5", "dpm++:12:0.5"]
COLUMNS = ("fid@eye", "kid@eye", "precision@eye", "recall@eye")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="fashion-cdm")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--cache", type=Path, default=Path("runs/experiments/shared"))
    parser.add_argument("--ways", nargs="+", default=WAYS, help="sampler:steps:guidance")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    train, test = read_splits(data_root(), "fashion-mnist")
    asked.cache.mkdir(parents=True, exist_ok=True)
    judge = kept_judge(asked.cache, train, test, JUDGE)
    yardstick = Yardstick(test, chosen_extractor(None), train, judge, asked.cache)
    model = load_classes(asked.model, "cpu").family
    print("| sampler | steps | guidance | " + " | ".join(COLUMNS) + " | class agreement | ms a picture |")
    print("|---|---|---|" + "---|" * (len(COLUMNS) + 2))
    for way in asked.ways:
        sampler, steps, weight = way.split(":")
        options = Drawing(steps=int(steps), sampler=sampler, guidance=float(weight))
        with trained_precision(model):
            drawn = yardstick.draw(model, asked.pictures, 1_000_000, options)
        found = yardstick.measure(drawn)
        numbers = " | ".join(f"{found.scores[c]:.3g}" for c in COLUMNS)
        agreement = "-" if found.agreement is None else f"{found.agreement:.1%}"
        speed = 1000 * drawn.seconds_per_picture
        print(f"| {sampler} | {steps} | {weight} | {numbers} | {agreement} | {speed:.1f} |", flush=True)


if __name__ == "__main__":
    main()
