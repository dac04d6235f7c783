"""Inception Score: exp of the mean divergence of an image's class probabilities from their mean.

Source: Salimans et al., "Improved Techniques for Training GANs" (2016). Worked out in float64 from
log-probabilities, so that a probability of zero costs nothing. Images are shuffled before they are
split, since a set sorted by class would score too low.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.moments import check_features


@dataclass(frozen=True)
class InceptionScore:
    """Mean over splits and their standard deviation (of the population)."""

    value: float
    std: float
    splits: int
    seed: int


def inception_score(logits: Tensor, *, splits: int = 10, seed: int = 0) -> InceptionScore:
    """Score of logits (N, classes), shuffled with `seed` and cut into `splits` nearly equal parts.

    Raises:
        InputError: fewer images than splits, or values that are not finite.
    """
    if splits < 1:
        raise InputError(f"`splits` must be at least 1, got {splits}")
    log_p = torch.log_softmax(check_features("logits", logits, splits), 1)
    order = torch.randperm(len(log_p), generator=torch.Generator().manual_seed(seed))
    scores = torch.stack([split_score(part) for part in log_p[order].tensor_split(splits)])
    return InceptionScore(float(scores.mean()), float(scores.std(correction=0)), splits, seed)


def split_score(log_p: Tensor) -> Tensor:
    """Score of one split, e^(E KL(p(y|x) | p(y))), from log-probabilities (N, classes)."""
    marginal = torch.logsumexp(log_p, 0) - torch.log(torch.tensor(float(len(log_p)), dtype=log_p.dtype))
    p = log_p.exp()
    terms = torch.where(p > 0, p * (log_p - marginal), 0.0)
    return terms.sum(1).mean().exp()


@dataclass
class InceptionScores:
    """Accumulator of `inception_score`; holds the logits."""

    splits: int = 10
    seed: int = 0
    logits: list[Tensor] = field(default_factory=list)

    def update(self, logits: Tensor) -> None:
        """Add logits (N, classes)."""
        self.logits.append(check_features("logits", logits))

    def merge(self, other: InceptionScores) -> None:
        """Add what another accumulator of the same settings has seen."""
        if (other.splits, other.seed) != (self.splits, self.seed):
            raise InputError("`splits` and `seed` must be the same to merge, got others")
        self.logits.extend(other.logits)

    def compute(self) -> InceptionScore:
        """The score; at least one image for each split."""
        if not self.logits:
            raise InputError(f"`images` must be at least {self.splits} before compute, got 0")
        return inception_score(torch.cat(self.logits), splits=self.splits, seed=self.seed)
