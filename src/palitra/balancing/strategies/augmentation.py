"""Classical augmentation of all rows."""

from __future__ import annotations

from torch import nn

from palitra.balancing.lesson import Lesson
from palitra.balancing.strategies.strategy import Ground, Strategy


def fit(ground: Ground) -> nn.Module:
    """Mirrored, shifted, brighter or darker at random each time."""
    return ground.teach(Lesson(ground.train, augment=True))


STRATEGY = Strategy("augmentation", "classical augmentation", fit)
