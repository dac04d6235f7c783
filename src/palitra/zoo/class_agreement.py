"""How often a classifier trained on real pictures sees the class that was asked for."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from palitra.errors import DiskError
from palitra.zoo.backbones.grid import coarsest
from palitra.zoo.batches import Batches
from palitra.zoo.labelled_images import LabelledImages

HELD_OUT = 0.1
SAMPLES = 120_000
EPOCHS = 100
VERSION = 1


@dataclass(frozen=True, eq=False)
class ClassJudge:
    """A small convolutional classifier; `accuracy` on `tested` real pictures it never saw."""

    network: nn.Module
    accuracy: float
    names: tuple[str, ...]
    trained: int = 0
    tested: int = 0

    @torch.no_grad()
    def classes(self, pictures: Tensor) -> Tensor:
        """The most likely class (N,) of pictures (N, C, H, W) in [-1, 1]."""
        return torch.cat([self.network(chunk).argmax(1) for chunk in pictures.split(512)])

    def agreement(self, pictures: Tensor, labels: Tensor) -> tuple[float, list[float]]:
        """Share of pictures seen as their label, overall and per class (NaN for classes not asked for)."""
        right = (self.classes(pictures) == labels).double()
        each = [float(right[labels == k].mean()) for k in range(len(self.names))]
        return float(right.mean()), each

    def accuracy_on(self, data: LabelledImages) -> float:
        """Share of real pictures seen right."""
        return self.agreement(data.images.float() / 127.5 - 1, data.labels)[0]


def judge_network(shape: tuple[int, int, int], classes: int, width: int = 24) -> nn.Module:
    """Strided convolutions down to the coarsest grid, then a linear layer."""
    h, w, levels = coarsest(*shape[1:])
    layers: list[nn.Module] = []
    inside = shape[0]
    for i in range(levels):
        outside = width * 2 ** min(i, 2)
        layers += [nn.Conv2d(inside, outside, 3, 1, 1), nn.BatchNorm2d(outside), nn.ReLU(), nn.MaxPool2d(2)]
        inside = outside
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(inside * h * w, classes))


def train_judge(
    data: LabelledImages,
    samples: int | None = None,
    batch: int = 128,
    seed: int = 0,
    test: LabelledImages | None = None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> ClassJudge:
    """Train on real pictures and measure on `test`; without it train on nine tenths, measure on the last.

    By default the classifier sees 120,000 pictures, of a small set each at most a hundred times.
    """
    if test is None:
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
        held = max(1, round(HELD_OUT * len(data)))
        data, test = data.rows(order[held:]), data.rows(order[:held])
    steps = max(1, (samples or min(SAMPLES, EPOCHS * len(data))) // batch)
    batches = Batches(data, min(batch, len(data)), seed, False, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = judge_network(data.shape, len(data.names))
        optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
        for step in range(steps):
            drawn = batches.at(step)
            optimiser.zero_grad()
            F.cross_entropy(network(drawn.images), drawn.labels, label_smoothing=0.05).backward()
            optimiser.step()
            schedule.step()
            on_step(step + 1, steps)
    judge = ClassJudge(network.eval().requires_grad_(False), 0.0, data.names)
    return ClassJudge(judge.network, judge.accuracy_on(test), data.names, len(data), len(test))


def kept_judge(
    folder: Path,
    data: LabelledImages,
    test: LabelledImages | None = None,
    samples: int | None = None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> ClassJudge:
    """The judge of these pictures from `folder`, trained and kept there when it is not; found by content.

    Raises:
        DiskError: the folder cannot be written.
    """
    path = folder / f"judge-{_key(data, test, samples)[:32]}.safetensors"
    network = judge_network(data.shape, len(data.names))
    with contextlib.suppress(OSError, SafetensorError, RuntimeError, ValueError, KeyError):
        # a damaged file is made again
        network.load_state_dict(load_file(path))
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        judged = network.eval().requires_grad_(False)
        return ClassJudge(judged, about["accuracy"], data.names, about["trained"], about["tested"])
    judge = train_judge(data, samples, test=test, on_step=on_step)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        about = {"accuracy": judge.accuracy, "trained": judge.trained, "tested": judge.tested}
        path.with_suffix(".json").write_text(json.dumps(about), encoding="utf-8")
        save_file({k: v.contiguous() for k, v in judge.network.state_dict().items()}, part)
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        raise DiskError(
            f"`cache` must be a folder that can be written, but {folder} cannot: {error}"
        ) from error
    return judge


def _key(data: LabelledImages, test: LabelledImages | None, samples: int | None) -> str:
    digest = hashlib.sha256(repr((VERSION, samples, data.names)).encode())
    for some in (data, test):
        if some is not None:
            digest.update(repr(some.shape).encode())
            digest.update(some.images.contiguous().numpy().tobytes())
            digest.update(some.labels.contiguous().numpy().tobytes())
    return digest.hexdigest()
