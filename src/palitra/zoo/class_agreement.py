"""How often a classifier trained on real pictures sees the class that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.zoo.backbones.grid import coarsest
from palitra.zoo.batches import Batches
from palitra.zoo.labelled_images import LabelledImages

HELD_OUT = 0.1


@dataclass(frozen=True, eq=False)
class ClassJudge:
    """A small convolutional classifier and its accuracy on real pictures it never saw."""

    network: nn.Module
    accuracy: float
    names: tuple[str, ...]

    @torch.no_grad()
    def classes(self, pictures: Tensor) -> Tensor:
        """The most likely class (N,) of pictures (N, C, H, W) in [-1, 1]."""
        return torch.cat([self.network(chunk).argmax(1) for chunk in pictures.split(512)])

    def agreement(self, pictures: Tensor, labels: Tensor) -> tuple[float, list[float]]:
        """Share of pictures seen as their label, overall and per class (NaN for classes not asked for)."""
        right = (self.classes(pictures) == labels).double()
        each = [float(right[labels == k].mean()) for k in range(len(self.names))]
        return float(right.mean()), each


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


def train_judge(data: LabelledImages, samples: int = 120_000, batch: int = 128, seed: int = 0) -> ClassJudge:
    """Train on nine tenths of real pictures, measure on the last tenth."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    held = max(1, round(HELD_OUT * len(data)))
    train, test = data.rows(order[held:]), data.rows(order[:held])
    steps = max(1, samples // batch)
    batches = Batches(train, min(batch, len(train)), seed, False, torch.device("cpu"))
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
    judge = ClassJudge(network.eval().requires_grad_(False), 0.0, data.names)
    accuracy, _ = judge.agreement(test.images.float() / 127.5 - 1, test.labels)
    return ClassJudge(judge.network, accuracy, data.names)
