"""What batching is worth: eight waiting jobs of one key, alone one after another and together.

python benchmarks/throughput.py [--steps 30] [--rounds 3]
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from torch import Tensor

import palitra
from palitra.recipes.picture import Picture
from palitra.recipes.together import Wish, draw_together
from palitra.spec.recipes import SketchToImageParams, TextToImageParams

CONCEPTS = ("person", "cat", "dog", "horse", "elephant", "giraffe", "guitar", "house")


class Silent:
    """Hears nothing, wants everything."""

    def step(self, wish: int, done: int, total: int, x0: Tensor) -> None: ...

    def picture(self, wish: int, picture: Picture) -> None: ...

    def dropped(self) -> set[int]:
        return set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    studio = palitra.load("mini")
    edges = studio.predictor()[0]
    sketch = studio.prepare("examples/sketches/giraffe.png")
    words = [
        Wish(TextToImageParams(prompt=f"a photo of a {c}", seed=i, steps=args.steps))
        for i, c in enumerate(CONCEPTS)
    ]
    sketched = [
        Wish(SketchToImageParams(prompt=f"a photo of a {c}", seed=i, steps=args.steps), sketch)
        for i, c in enumerate(CONCEPTS)
    ]
    print("eight jobs   alone s   together s   share")
    for name, wishes in (("words", words), ("sketches", sketched)):
        draw_together(studio.model, wishes[:1], Silent(), edges)
        alone, together = [], []
        for _ in range(args.rounds):
            began = time.perf_counter()
            for wish in wishes:
                draw_together(studio.model, [wish], Silent(), edges)
            middle = time.perf_counter()
            draw_together(studio.model, wishes, Silent(), edges)
            alone.append(middle - began)
            together.append(time.perf_counter() - middle)
        one, all_ = median(alone), median(together)
        print(f"{name:12} {one:7.2f} {all_:12.2f} {all_ / one:7.0%}")


if __name__ == "__main__":
    main()
