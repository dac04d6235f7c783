"""Cross-entropy weighted by inverse class frequency."""

from __future__ import annotations

from torch import Tensor, nn

from palitra.balancing.lesson import Lesson
from palitra.balancing.strategies.strategy import Ground, Strategy


def inverse_frequency(counts: Tensor) -> Tensor:
    """N / (K n_k) float32 (K,): 1 for every class of a balanced set."""
    return (counts.sum() / (len(counts) * counts.clamp_min(1))).float()


def fit(ground: Ground) -> nn.Module:
    """Every class weighs the same in the loss."""
    return ground.teach(Lesson(ground.train, class_weights=inverse_frequency(ground.train.counts)))


STRATEGY = Strategy("class_weights", "class weights", fit)
