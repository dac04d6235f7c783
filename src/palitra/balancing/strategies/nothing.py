"""The rows as they are."""

from __future__ import annotations

from torch import nn

from palitra.balancing.lesson import Lesson
from palitra.balancing.strategies.strategy import Ground, Strategy


def fit(ground: Ground) -> nn.Module:
    """Plain cross-entropy."""
    return ground.teach(Lesson(ground.train))


STRATEGY = Strategy("nothing", "nothing", fit)
