"""Enlarging 64 px to 128 px on test pictures: the embedded network against bicubic and Lanczos.

    python benchmarks/upscale.py [--data DATA] [--pictures 60] [--sheet runs/upscale.png]

Halves are made by Lanczos, as mini's training pictures are; "coded" ones went through mini's autoencoder. Eye
sees 64 px, so its distance is the mean over the four quarters of a picture. Evenly spread pictures of every
test split; the interval of the gain over bicubic is 1.96 standard errors of the paired differences.
`--sheet` draws mini's own pictures, small, by bicubic and enlarged.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import palitra
from palitra.data.datasets import data_root, read_rows
from palitra.data.images import to_image, to_tensor
from palitra.metrics.eye_distance import eye_distance
from palitra.metrics.psnr import psnr
from palitra.metrics.ssim import ssim
from palitra.models.eye import load_eye
from palitra.models.upscaler import EMBEDDED, load_upscaler
from palitra.recipes.upscale import enlarge
from palitra.train.captioned import CONCEPTS
from palitra.train.upscale import SETS, autoencoder_of, coded, half, original

MINI = EMBEDDED.parent / "mini"
METRICS = ("psnr", "ssim", "lpips@eye")


def resized(how: Image.Resampling) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.resize((2 * image.width, 2 * image.height), how)


def test_pictures(root: Path, name: str, count: int) -> list[Tensor]:
    cells = [row["image"] for row in read_rows(root / name / "test.parquet", ["image"])]
    rows = np.linspace(0, len(cells) - 1, min(count, len(cells))).round().astype(int)
    return [original(cells[row]) for row in rows]


def quarters(image: Tensor) -> Tensor:
    """(3, 2S, 2S) as (4, 3, S, S)."""
    return torch.cat([torch.stack(row.chunk(2, 2)) for row in image.chunk(2, 1)])


def score(made: Image.Image, truth: Tensor, see: Callable[[Tensor, Tensor], Tensor]) -> list[float]:
    x, y = to_tensor(made), truth[None].float() / 255
    apart = see(quarters(x[0]), quarters(y[0])).mean()
    return [float(psnr(x, y, data_range=1)), float(ssim(x, y, data_range=1)), float(apart)]


def write_sheet(path: Path) -> None:
    """A column for every concept: mini's picture, by bicubic, by the network."""
    studio, upscaler = palitra.load("mini"), load_upscaler()
    bicubic, side = resized(Image.Resampling.BICUBIC), 128
    sheet = Image.new("RGB", (len(CONCEPTS) * side, 3 * side))
    for at, concept in enumerate(CONCEPTS):
        article = "an" if concept[0] in "aeiou" else "a"
        small = studio.text(f"a photo of {article} {concept}", seed=3).pictures[0].image
        columns = (
            small.resize((side, side), Image.Resampling.NEAREST),
            bicubic(small),
            enlarge(small, upscaler),
        )
        for row, image in enumerate(columns):
            sheet.paste(image, (at * side, row * side))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=None, help="folder of the image sets")
    parser.add_argument("--pictures", type=int, default=60, help="of each set")
    parser.add_argument("--weights", type=Path, default=EMBEDDED)
    parser.add_argument("--sheet", type=Path, default=None)
    args = parser.parse_args()
    if args.sheet:
        write_sheet(args.sheet)
        return
    eye, upscaler, code = load_eye(), load_upscaler(args.weights), autoencoder_of(MINI)
    ways = {
        "bicubic": resized(Image.Resampling.BICUBIC),
        "Lanczos": resized(Image.Resampling.LANCZOS),
        "network": lambda image: enlarge(image, upscaler),
    }
    values: dict[tuple[str, str, str], list[list[float]]] = {}
    seconds: list[float] = []
    for name in SETS:
        for truth in test_pictures(args.data or data_root(), name, args.pictures):
            clean = half(truth).float() / 255
            for kind, small in (("clean", clean), ("coded", coded(clean[None], code)[0])):
                image = to_image(small)
                for way, larger in ways.items():
                    began = time.perf_counter()
                    made = larger(image)
                    if way == "network":
                        seconds.append(time.perf_counter() - began)
                    found = score(made, truth, lambda x, y: eye_distance(eye, x, y))
                    for where in (name, "all"):
                        values.setdefault((where, kind, way), []).append(found)
    print("| set | halves | " + " | ".join(f"{m} {w}" for m in METRICS for w in ways) + " | psnr gain |")
    print("|---|---|" + "---|" * (len(METRICS) * len(ways) + 1))
    for where in (*SETS, "all"):
        for kind in ("clean", "coded"):
            tables = {way: np.array(values[where, kind, way]) for way in ways}
            cells = [f"{tables[way][:, m].mean():.{(2, 4, 4)[m]}f}" for m in range(3) for way in ways]
            gain = tables["network"][:, 0] - tables["bicubic"][:, 0]
            cells.append(f"{gain.mean():+.2f} ± {1.96 * gain.std(ddof=1) / len(gain) ** 0.5:.2f} dB")
            print(f"| {where} ({len(gain)}) | {kind} | {' | '.join(cells)} |")
    print(f"median {1000 * np.median(seconds):.0f} ms a picture on {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
