"""Batches of eye: fixed shares of every set, a pure function of (seed, step)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.train.eye_augment import augment, random_crops
from palitra.train.eye_config import EyeConfig
from palitra.train.eye_pack import LABELS, EyePack, EyeSet

LEAST_AREA = {"cifar10": 0.6, "pets": 0.35, "pacs": 0.4, "faces-video": 0.7, "faces-lfw": 0.7}
"""Faces are known by what lies where: they are cropped least."""


@dataclass(frozen=True, eq=False)
class EyeBatch:
    """Pictures (B, 3, S, S) in [0, 255], labels (B, 6) in the order of `LABELS`, phrases (B,)."""

    images: Tensor
    labels: Tensor
    phrases: Tensor

    def column(self, name: str) -> Tensor:
        """One label of all pictures (B,)."""
        return self.labels[:, LABELS.index(name)]


def training_rows(pictures: EyeSet) -> Tensor:
    """Rows that are trained on; pictures with a known breed come twice."""
    rows = (~pictures.held).nonzero().flatten()
    return torch.cat([rows, rows[pictures.column("breed")[rows] >= 0]])


def turn_through(rows: Tensor, count: int, step: int, seed: int) -> Tensor:
    """The `count` rows of a step: each pass over `rows` takes a new order."""
    places = torch.arange(step * count, (step + 1) * count)
    picked = []
    for turn in places.div(len(rows), rounding_mode="floor").unique().tolist():
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed * 1_000_003 + turn))
        own = places[places.div(len(rows), rounding_mode="floor") == turn]
        picked.append(rows[order[own % len(rows)]])
    return torch.cat(picked)


def draw_batch(
    pack: EyePack, rows: dict[str, Tensor], fits: Tensor, config: EyeConfig, step: int
) -> EyeBatch:
    """The batch of a step.

    Args:
        pack: the training sets.
        rows: per set, what `training_rows` gave.
        fits: which phrases fit which caption, bool (captions, phrases).
        config: shares, sizes and strengths.
        step: from 0.
    """
    g = torch.Generator().manual_seed((config.seed + 1) * 1_000_000_007 + step)
    size = config.size_at(step)
    images, labels = [], []
    for number, (name, count) in enumerate(config.shares().items()):
        pictures = pack.sets[name]
        chosen = turn_through(rows[name], count, step, config.seed * 7 + number)
        images.append(random_crops(pictures.images[chosen], size, LEAST_AREA[name], g))
        labels.append(pictures.labels[chosen])
    both = torch.cat(labels)
    captions = both[:, LABELS.index("caption")]
    phrases = torch.multinomial(fits[captions].float(), 1, generator=g).flatten()
    return EyeBatch(augment(torch.cat(images), config, g), both, phrases)
