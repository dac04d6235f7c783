"""Balanced softmax (arXiv 2007.10740), the loss form of logit adjustment (arXiv 2007.07314).

While learning, the log share of each class is added to its logit, so that the plain logits at test time are
those of a classifier for equally frequent classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from palitra.balancing.lesson import Lesson
from palitra.balancing.strategies.strategy import Ground, Strategy


def log_shares(counts: Tensor) -> Tensor:
    """log(n_k / N) float32 (K,)."""
    return (counts.double().clamp_min(1) / counts.sum()).log().float()


def fit(ground: Ground) -> nn.Module:
    """Balanced softmax."""
    return ground.teach(Lesson(ground.train, log_prior=log_shares(ground.train.counts)))


STRATEGY = Strategy("logit_adjustment", "logit adjustment", fit)
