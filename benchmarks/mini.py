"""Class agreement of mini: 64 pictures of each of 8 concepts, judged by a network that saw only real ones.

python benchmarks/mini.py [--model mini] [--each 64] [--steps 30] [--prompt-scale S]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

import palitra
from concepts import CONCEPTS, judged, load_judge
from palitra.data.datasets import data_root
from palitra.data.images import to_tensor
from palitra.data.sheets import contact_sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--each", type=int, default=64)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--prompt-scale", type=float, default=None)
    parser.add_argument("--sampler", default="ddim")
    parser.add_argument("--data", type=Path, default=data_root())
    parser.add_argument("--sheet", type=Path, default=Path("out/mini.png"))
    args = parser.parse_args()
    judge, studio = load_judge(args.data), palitra.load(args.model)
    shown, total, began = [], 0, time.perf_counter()
    for index, concept in enumerate(CONCEPTS):
        prompt = f"a photo of {'an' if concept[0] in 'aeiou' else 'a'} {concept}"
        done = 0
        right = 0
        while done < args.each:
            n = min(64, args.each - done)
            run = studio.text(
                prompt, n=n, seed=done, steps=args.steps, sampler=args.sampler, prompt_scale=args.prompt_scale
            )
            images = torch.cat([to_tensor(p.image) for p in run.pictures]) * 2 - 1
            right += int((judged(judge, images) == index).sum())
            if done == 0:
                shown += [p.image for p in run.pictures[:8]]
            done += n
        total += right
        print(f"{concept:10} {right / args.each:.1%}", flush=True)
    seconds = time.perf_counter() - began
    print(f"mean       {total / (args.each * len(CONCEPTS)):.1%}  ({seconds:.0f} s)")
    args.sheet.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(shown, 8).save(args.sheet)
    print(args.sheet)


if __name__ == "__main__":
    main()
