"""How well the invisible mark is found again, and how often it is found where it is not.

python benchmarks/watermark.py [--pictures 24] [--sets 64,enlarged,128,512]

Pictures of 64 px are drawn by the embedded model; enlarged ones are the same at 128 px, as page and bot show
them; those of 128 and 512 px are made up: its pictures laid side by side, enlarged and grained, as no model
of that size is embedded.
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable

import numpy as np
from PIL import Image

import palitra
from palitra.recipes.upscale import enlarged
from palitra.service.files.watermark import SpreadSpectrum

KEY = "benchmark"
WORDS = (
    "a photo of a cat",
    "a red car",
    "snow on mountains",
    "a bowl of fruit",
    "a street at night",
    "the sea",
)


def drawn(count: int) -> list[Image.Image]:
    studio = palitra.load("mini")
    pictures: list[Image.Image] = []
    for i, words in enumerate(WORDS):
        run = studio.text(words, n=-(-count // len(WORDS)), seed=100 * i, steps=12)
        pictures += [p.image for p in run.pictures]
    return pictures[:count]


def made_up(small: list[Image.Image], side: int, rng: np.random.Generator) -> list[Image.Image]:
    """Four small pictures in a square, enlarged, with camera noise of 3 grey levels."""
    result = []
    for _ in small:
        sheet = Image.new("RGB", (128, 128))
        for k, index in enumerate(rng.integers(len(small), size=4)):
            sheet.paste(small[index], (64 * (k % 2), 64 * (k // 2)))
        large = np.asarray(sheet.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64)
        grain = rng.normal(0, 3, (side, side, 1))
        result.append(Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)))
    return result


def jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")

    return change


def scale(factor: float) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        size = (round(image.width * factor), round(image.height * factor))
        return image.resize(size, Image.Resampling.BICUBIC)

    return change


def crop(image: Image.Image) -> Image.Image:
    """A tenth of the width and of the height goes, more at the left and top."""
    w, h = image.size
    return image.crop((round(0.07 * w), round(0.06 * h), round(0.97 * w), round(0.96 * h)))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda image: image,
    "JPEG 90": jpeg(90),
    "JPEG 70": jpeg(70),
    "JPEG 50": jpeg(50),
    "resize 75 %": scale(0.75),
    "resize 150 %": scale(1.5),
    "crop 10 %": crop,
    "resize 75 % + JPEG 70": lambda image: jpeg(70)(scale(0.75)(image)),
    "crop 10 % + JPEG 70": lambda image: jpeg(70)(crop(image)),
}


def psnr(one: Image.Image, other: Image.Image) -> float:
    difference = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    return 10 * math.log10(255**2 / float((difference**2).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--sets", default="64,enlarged,128,512")
    args = parser.parse_args()
    mark, small = SpreadSpectrum(KEY), drawn(args.pictures)
    ways: dict[str, Callable[[], list[Image.Image]]] = {
        "64": lambda: small,
        "enlarged": lambda: [enlarged(p)[0] for p in small],
        "128": lambda: made_up(small, 128, np.random.default_rng(0)),
        "512": lambda: made_up(small, 512, np.random.default_rng(0)),
    }
    sets = {name: ways[name]() for name in args.sets.split(",")}
    print(f"| change | {' | '.join(name if name == 'enlarged' else f'{name} px' for name in sets)} |")
    print("|---|" + "---|" * len(sets))
    marked = {side: [mark.embed(p) for p in pictures] for side, pictures in sets.items()}
    for name, change in CHANGES.items():
        cells = []
        for pictures in marked.values():
            seen = [mark.detect(change(p)) for p in pictures]
            middle = float(np.median([d.score for d in seen]))
            cells.append(f"{sum(d.found for d in seen) / len(seen):.0%} ({middle:.0f})")
        print(f"| {name} | {' | '.join(cells)} |")
    quality = [
        f"{np.mean([psnr(a, b) for a, b in zip(sets[s], marked[s], strict=True)]):.1f} dB" for s in sets
    ]
    print(f"| PSNR | {' | '.join(quality)} |")
    wrong = {side: [SpreadSpectrum(f"other {i}") for i in range(8)] for side in sets}
    highest = {side: [m.detect(p).score for p in sets[side] for m in wrong[side]] for side in sets}
    cells = [f"{max(v):.1f} of {len(v)}" for v in highest.values()]
    print(f"| highest score without the mark | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
