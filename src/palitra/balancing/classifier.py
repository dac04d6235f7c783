"""The one classifier that every strategy trains: same network, same number of pictures shown."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from palitra.balancing.classical import Flips, classical
from palitra.balancing.lesson import Lesson, lesson_loss
from palitra.zoo.batches import Batches, mixed
from palitra.zoo.class_agreement import judge_network
from palitra.zoo.labelled_images import LabelledImages

CHUNK = 500
STREAM = 7


@dataclass(frozen=True)
class Budget:
    """How every strategy's classifier is trained.

    `samples` counts pictures shown, so that more rows are no more training. `flips` and shifts are those of
    classical augmentation.
    """

    samples: int = 40_000
    batch: int = 64
    width: int = 16
    rate: float = 2e-3
    flips: Flips = "horizontal"
    bf16: bool = True


class Classifier(nn.Module):
    """A small convolutional network in two parts: `features` (B, D) and `head` to logits (B, K)."""

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int) -> None:
        super().__init__()
        *layers, head = judge_network(shape, classes, width).children()
        self.features, self.head = nn.Sequential(*layers), head

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] to logits (B, K)."""
        return self.head(self.features(x))


def train_classifier(
    lesson: Lesson, budget: Budget, seed: int, tick: Callable[[int], None] = lambda pictures: None
) -> Classifier:
    """Train from scratch; the same lesson, budget and seed give the same network bit for bit on one machine.

    Raises:
        InputError: bad weights of rows.
    """
    lesson = lesson.shown()
    steps = max(1, budget.samples // budget.batch)
    alone = round((1 - lesson.real_tail) * steps) if lesson.real is not None else steps
    parts = [_numbered(lesson, budget, seed, None)]
    if alone < steps:
        parts.append(_numbered(lesson, budget, mixed(seed, 0, STREAM) % 2**32, lesson.real))
    weights = torch.ones(len(lesson.data)) if lesson.weights is None else lesson.weights.float()
    changes = torch.Generator().manual_seed(mixed(seed, 1, STREAM))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier(lesson.data.shape, len(lesson.data.names), budget.width)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.AdamW(network.parameters(), budget.rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, budget.rate * 2, max(2, steps))
        for step in range(steps):
            drawn = parts[step >= alone].at(step)
            rows = drawn.labels
            x = classical(drawn.images, changes, budget.flips) if lesson.augment else drawn.images
            x = x.contiguous(memory_format=torch.channels_last)
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=budget.bf16):
                logits = network(x)
            labels = lesson.data.labels[rows]
            loss = lesson_loss(logits.float(), labels, weights[rows], lesson.class_weights, lesson.log_prior)
            loss.backward()
            optimiser.step()
            schedule.step()
            tick(budget.batch)
    return network.eval().requires_grad_(False)


def refit_head(
    network: Classifier, features: Tensor, labels: Tensor, budget: Budget, seed: int
) -> Classifier:
    """The same features under a new linear layer, trained on rows of features (N, D) with labels (N,)."""
    steps = max(1, budget.samples // budget.batch)
    generator = torch.Generator().manual_seed(mixed(seed, 2, STREAM))
    order = torch.randint(len(features), (steps, budget.batch), generator=generator)
    head = deepcopy(network.head).requires_grad_(True)
    assert isinstance(head, nn.Linear)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimiser = torch.optim.AdamW(head.parameters(), budget.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, budget.rate * 2, max(2, steps))
    for rows in order:
        optimiser.zero_grad()
        lesson_loss(head(features[rows]), labels[rows]).backward()
        optimiser.step()
        schedule.step()
    new = deepcopy(network)
    new.head = head.requires_grad_(False)
    return new


def _numbered(lesson: Lesson, budget: Budget, seed: int, only: Tensor | None) -> Batches:
    """Batches whose labels are row numbers, so that weights can be looked up."""
    rows = torch.arange(len(lesson.data)) if only is None else only.nonzero()[:, 0]
    pictures = LabelledImages(lesson.data.images[rows], rows, lesson.data.names)
    return Batches(pictures, budget.batch, seed, False, torch.device("cpu"))


@torch.inference_mode()
def feature_rows(network: Classifier, images: Tensor) -> Tensor:
    """Features (N, D) of uint8 pictures (N, C, H, W)."""
    return torch.cat([network.features(scaled(chunk)) for chunk in images.split(CHUNK)])


@torch.inference_mode()
def probabilities(network: nn.Module, images: Tensor) -> Tensor:
    """Class probabilities (N, K) float64 of uint8 pictures (N, C, H, W)."""
    return torch.cat([network(scaled(chunk)).double().softmax(1) for chunk in images.split(CHUNK)])


def scaled(images: Tensor) -> Tensor:
    """Bytes to [-1, 1]."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
