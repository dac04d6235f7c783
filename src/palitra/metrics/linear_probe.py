"""A linear classifier on features, the judge of class agreement where no trained one is at hand.

Multinomial logistic regression on standardised features with a ridge, by L-BFGS in float64: its loss is
convex, so that the same images always give the same judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.moments import check_features

RIDGE = 1e-3
STEPS = 100


@dataclass(eq=False)
class LinearProbe:
    """`fit`, then `predict`; `classes` is the number of classes."""

    classes: int
    ridge: float = RIDGE
    mean: Tensor | None = None
    deviation: Tensor | None = None
    weights: Tensor | None = None

    def fit(self, images: Tensor, labels: Tensor) -> LinearProbe:
        """Learn from features (N, D) with labels (N,) in [0, classes).

        Raises:
            InputError: fewer than 2 images, one class only, or values that are not finite.
        """
        x = check_features("features", images, 2)
        if len(labels) != len(x) or len(labels.unique()) < 2:
            classes = len(labels.unique())
            raise InputError(
                f"`labels` must be {len(x)} of at least 2 classes, got {len(labels)} of {classes}"
            )
        self.mean, self.deviation = x.mean(0), x.std(0).clamp_min(1e-12)
        x = self._standard(x)
        weights = torch.zeros(x.shape[1], self.classes, dtype=x.dtype, device=x.device, requires_grad=True)
        optimiser = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = F.cross_entropy(x @ weights, labels.long()) + self.ridge * weights[1:].square().sum()
            value.backward()
            return value

        with torch.enable_grad():
            optimiser.step(loss)
        self.weights = weights.detach()
        return self

    def predict(self, images: Tensor) -> Tensor:
        """Logits (N, classes)."""
        if self.weights is None:
            raise InputError("`fit` must come before predict, got none")
        return self._standard(images.double()) @ self.weights

    def _standard(self, x: Tensor) -> Tensor:
        """Standardised features behind a constant column."""
        assert self.mean is not None
        assert self.deviation is not None
        return torch.cat([torch.ones_like(x[:, :1]), (x - self.mean) / self.deviation], 1)
