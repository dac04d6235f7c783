"""Random oversampling: rare rows again and again, up to the target."""

from __future__ import annotations

from torch import nn

from palitra.balancing.lesson import Lesson
from palitra.balancing.strategies.strategy import Ground, Strategy, joined, repeated_rows


def oversampled(ground: Ground, augment: bool) -> Lesson:
    """The training rows and the repeated ones."""
    extra = repeated_rows(ground.train.labels, ground.target, ground.seed)
    more = ground.train.rows(extra)
    return Lesson(joined(ground.train, more.images, more.labels), augment=augment)


def fit(ground: Ground) -> nn.Module:
    """As many rows of every class as the synthetic strategy has."""
    return ground.teach(oversampled(ground, augment=False))


def fit_augmented(ground: Ground) -> nn.Module:
    """The same, every picture changed at random each time it is shown."""
    return ground.teach(oversampled(ground, augment=True))


STRATEGY = Strategy("oversampling", "random oversampling", fit)
AUGMENTED = Strategy("oversampling_augmentation", "oversampling and augmentation", fit_augmented)
