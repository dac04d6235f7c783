"""A whole evaluation (FID, KID, Inception Score) against torch-fidelity and torchmetrics in one run.

    python benchmarks/metrics_end_to_end.py IMAGES [--images 10000] [--against torch-fidelity torchmetrics]

IMAGES is a parquet or npz file; its images are shuffled and cut into two sets of `--images`. All get the same
uint8 images and the same Inception weights, drawn at random here. KID takes one subset of all images (at
most 1000) and the Inception Score one split, so that all numbers can be compared and not only their means.
Ours is `palitra.metrics.evaluate` on npz files as the command line runs it, resize `tf1`, without intervals.

Install what is compared with: pip install --no-deps torch-fidelity torchmetrics lightning-utilities. Neither
needs torchvision for this; where it is absent a hollow module takes its place.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch
from safetensors.torch import save_file

from palitra.data.image_sets import open_image_set
from palitra.metrics.evaluate import evaluate
from palitra.metrics.extractors import load_extractor
from palitra.metrics.scores import ScoreSettings
from palitra.models.inception import Inception

BATCH = 64


def random_weights(folder):
    """Batch norms with uneven statistics keep random activations alive through the depth."""
    torch.manual_seed(0)
    network = Inception()
    state = network.state_dict()
    for name, value in state.items():
        if name.endswith(("running_mean", "bn.bias")):
            value.normal_(0, 0.1)
        elif name.endswith(("running_var", "bn.weight")):
            value.uniform_(0.5, 1.5)
        elif name.endswith("conv.weight"):
            value.normal_(0, (2 / value[0].numel()) ** 0.5)
    torch.save(state, folder / "inception.pth")
    kept = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    save_file(kept, folder / "inception.safetensors")


def two_sets(path, count, folder):
    images = open_image_set(path)
    pixels = torch.stack([i.pixels for i in images.images(2 * count)])
    if len(pixels) < 2 * count:
        sys.exit(f"{path} must have {2 * count} images, got {len(pixels)}")
    pixels = pixels[torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))]
    sides = pixels[:count], pixels[count:]
    for name, side in zip(("real", "fake"), sides, strict=True):
        np.savez(folder / f"{name}.npz", images=side.permute(0, 2, 3, 1).numpy())
    return sides


def by_palitra(folder, sides):
    extractor = load_extractor("inception", folder / "inception.safetensors")
    report = evaluate(
        open_image_set(folder / "real.npz"),
        open_image_set(folder / "fake.npz"),
        [extractor],
        resizes=["tf1"],
        metrics=["fid", "kid", "is"],
        settings=ScoreSettings(resamples=0, kid_subsets=1, splits=1),
        batch=BATCH,
    )
    return {r.metric: r.value for r in report.results}


def by_torch_fidelity(folder, sides):
    from torch_fidelity import calculate_metrics

    real, fake = (list(side) for side in sides)
    found = calculate_metrics(
        input1=_Images(fake),
        input2=_Images(real),
        cuda=False,
        isc=True,
        fid=True,
        kid=True,
        kid_subsets=1,
        kid_subset_size=min(1000, len(real)),
        isc_splits=1,
        batch_size=BATCH,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        feature_extractor_weights_path=str(folder / "inception.pth"),
    )
    return {
        "fid": found["frechet_inception_distance"],
        "kid": found["kernel_inception_distance_mean"],
        "is": found["inception_score_mean"],
    }


class _Images(torch.utils.data.Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, at):
        return self.images[at]


def by_torchmetrics(folder, sides):
    from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
    from torchmetrics.image.inception import InceptionScore
    from torchmetrics.image.kid import KernelInceptionDistance

    real, fake = sides

    def network(layer):
        weights = str(folder / "inception.pth")
        return NoTrainInceptionV3("inception-v3-compat", [layer], weights, antialias=False)

    fid = FrechetInceptionDistance(network("2048"))
    kid = KernelInceptionDistance(network("2048"), subsets=1, subset_size=min(1000, len(real)))
    score = InceptionScore(network("logits_unbiased"), splits=1)
    for metric in (fid, kid):
        for images, is_real in ((real, True), (fake, False)):
            for part in images.split(BATCH):
                metric.update(part, real=is_real)
    for part in fake.split(BATCH):
        score.update(part)
    return {"fid": float(fid.compute()), "kid": float(kid.compute()[0]), "is": float(score.compute()[0])}


def timed(name, call, *words):
    began, at = time.process_time(), time.perf_counter()
    found = call(*words)
    busy, clock = time.process_time() - began, time.perf_counter() - at
    shown = ", ".join(f"{k} {v:.9g}" for k, v in found.items())
    print(f"{name}: processor {busy:.1f} s, clock {clock:.1f} s; {shown}", flush=True)
    return found, busy, clock


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=10_000)
    known = {"torch-fidelity": by_torch_fidelity, "torchmetrics": by_torchmetrics}
    parser.add_argument("--against", nargs="*", default=list(known), choices=list(known))
    options = parser.parse_args()
    if importlib.util.find_spec("torchvision") is None:
        for name in ("", ".datasets", ".transforms", ".transforms.functional", ".models", ".ops"):
            hollow = MagicMock(__version__="0", __path__=[])
            hollow.__spec__ = ModuleSpec(f"torchvision{name}", None)
            sys.modules[f"torchvision{name}"] = hollow
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        random_weights(folder)
        sides = two_sets(options.data, options.images, folder)
        print(f"{options.images} images a side, {torch.get_num_threads()} threads, torch {torch.__version__}")
        mine, busy, clock = timed("palitra", by_palitra, folder, sides)
        for name in options.against:
            found, their_busy, their_clock = timed(name, known[name], folder, sides)
            apart = {k: abs(mine[k] - v) / abs(v) for k, v in found.items()}
            print(
                f"  palitra takes {busy / their_busy:.2f} of its processor time, "
                f"{clock / their_clock:.2f} by the clock; relative differences "
                f"{', '.join(f'{k} {v:.1e}' for k, v in apart.items())}",
                flush=True,
            )


if __name__ == "__main__":
    main()
