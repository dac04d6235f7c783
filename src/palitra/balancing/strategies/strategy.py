"""What a strategy gets and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from palitra.balancing.lesson import Lesson
from palitra.balancing.synthetic import Synthetic
from palitra.zoo.labelled_images import LabelledImages


@dataclass(frozen=True, eq=False)
class Ground:
    """One seed's training rows and means.

    target: rows wanted of each class (K,). weight: loss weight of synthetic rows. teach: trains the common
    classifier from a lesson. refit: trains a head anew on features (N, D), labels (N,). learned: the network
    of another strategy with this seed. synthetic: the sieved pictures that fill up to `target`.
    """

    train: LabelledImages
    target: Sequence[int]
    weight: float
    seed: int
    teach: Callable[[Lesson], nn.Module]
    refit: Callable[[nn.Module, Tensor, Tensor], nn.Module]
    learned: Callable[[str], nn.Module]
    synthetic: Callable[[], Synthetic]


@dataclass(frozen=True)
class Strategy:
    """`fit` gives a network from pictures (B, C, H, W) in [-1, 1] to logits (B, K).

    generated: it needs synthetic rows; all others are baselines.
    """

    name: str
    title: str
    fit: Callable[[Ground], nn.Module]
    generated: bool = False


def target_counts(counts: Sequence[int], rare: Sequence[int], share: float) -> list[int]:
    """Counts with `share` of the gap between each rare class and the largest class filled."""
    most = max(counts)
    return [n + round(share * (most - n)) if k in set(rare) else n for k, n in enumerate(counts)]


def repeated_rows(labels: Tensor, target: Sequence[int], seed: int) -> Tensor:
    """Rows drawn with replacement that fill every class up to `target`."""
    counts = torch.bincount(labels, minlength=len(target)).tolist()
    generator = torch.Generator().manual_seed(seed)
    extra = [torch.zeros(0, dtype=torch.int64)]
    for k, (count, wanted) in enumerate(zip(counts, target, strict=True)):
        if wanted > count > 0:
            rows = (labels == k).nonzero()[:, 0]
            extra.append(rows[torch.randint(count, (wanted - count,), generator=generator)])
    return torch.cat(extra)


def joined(train: LabelledImages, images: Tensor, labels: Tensor) -> LabelledImages:
    """Training rows, then more."""
    return LabelledImages(torch.cat([train.images, images]), torch.cat([train.labels, labels]), train.names)
