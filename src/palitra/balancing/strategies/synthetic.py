"""Generated rows beside the real ones, weighted; plain, with a real end, and with augmentation."""

from __future__ import annotations

import torch
from torch import nn

from palitra.balancing.lesson import Lesson
from palitra.balancing.strategies.strategy import Ground, Strategy, joined

REAL_TAIL = 0.25


def mixed_lesson(ground: Ground, augment: bool = False, real_tail: float = 0.0) -> Lesson:
    """Training rows of weight 1, then generated ones of the ground's weight."""
    made = ground.synthetic()
    real = torch.cat([torch.ones(len(ground.train)), torch.zeros(len(made.labels))]).bool()
    weights = torch.where(real, 1.0, ground.weight)
    data = joined(ground.train, made.images, made.labels)
    return Lesson(data, weights, augment=augment, real=real, real_tail=real_tail)


def fit(ground: Ground) -> nn.Module:
    """Real and generated rows from beginning to end."""
    return ground.teach(mixed_lesson(ground))


def fit_tuned(ground: Ground) -> nn.Module:
    """The last quarter of the steps on real rows alone."""
    return ground.teach(mixed_lesson(ground, real_tail=REAL_TAIL))


def fit_augmented(ground: Ground) -> nn.Module:
    """Real and generated rows, all changed at random."""
    return ground.teach(mixed_lesson(ground, augment=True))


STRATEGY = Strategy("synthetic", "generated", fit, generated=True)
TUNED = Strategy("synthetic_tuned", "generated, real at the end", fit_tuned, generated=True)
AUGMENTED = Strategy("synthetic_augmentation", "generated and augmentation", fit_augmented, generated=True)
