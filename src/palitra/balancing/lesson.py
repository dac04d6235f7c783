"""What a classifier is taught: rows, how much each counts, and what is added to its logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.errors import InputError
from palitra.zoo.labelled_images import LabelledImages


@dataclass(frozen=True, eq=False)
class Lesson:
    """Rows with weights; rows of weight 0 are not shown at all and leave no trace in batch statistics.

    data: pictures and labels. weights: (N,) at least 0, None for 1 each. class_weights: (K,) on top.
    log_prior: (K,) added to the logits while learning. augment: change pictures at random. real: (N,) which
    rows are real; with `real_tail` above 0 that last share of the steps sees those alone.
    """

    data: LabelledImages
    weights: Tensor | None = None
    class_weights: Tensor | None = None
    log_prior: Tensor | None = None
    augment: bool = False
    real: Tensor | None = None
    real_tail: float = 0.0

    def shown(self) -> Lesson:
        """The same without rows of weight 0.

        Raises:
            InputError: a weight below 0 or not finite, another number of weights, or nothing left.
        """
        if self.weights is None:
            return self
        if self.weights.shape != (len(self.data),):
            raise InputError(
                f"`weights` must have one value for each of {len(self.data)} rows, got {len(self.weights)}"
            )
        bad = ~(torch.isfinite(self.weights) & (self.weights >= 0))
        if bad.any():
            raise InputError(f"`weights` must be at least 0, got {float(self.weights[bad][0]):g}")
        rows = (self.weights > 0).nonzero()[:, 0]
        if not len(rows):
            raise InputError("`weights` must be above 0 for at least 1 row, got none")
        real = None if self.real is None else self.real[rows]
        return Lesson(
            self.data.rows(rows),
            self.weights[rows],
            self.class_weights,
            self.log_prior,
            self.augment,
            real,
            self.real_tail,
        )


def lesson_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    class_weights: Tensor | None = None,
    log_prior: Tensor | None = None,
) -> Tensor:
    """Weighted mean of the cross-entropy of logits (B, K) + log_prior, in units of one row's weight."""
    if log_prior is not None:
        logits = logits + log_prior
    each = F.cross_entropy(logits, labels, reduction="none")
    scale = torch.ones_like(each) if weights is None else weights
    if class_weights is not None:
        scale = scale * class_weights[labels]
    return (scale * each).sum() / scale.sum()
