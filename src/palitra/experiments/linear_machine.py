"""A linear L2-SVM, all classes at once: scikit-learn's LinearSVC with its squared hinge, by matrix products.

The objective is the same, one against the rest with a regularised intercept:
|w|^2 / 2 + C sum max(0, 1 - t f)^2. LinearSVC goes through the pictures one by one, which takes minutes with
thousands of features; products of matrices take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float32]
STEPS = 300


@dataclass(frozen=True, eq=False)
class LinearMachine:
    """`weights` (F + 1, K), the last row being the intercepts; `penalty` is its C."""

    weights: Array
    penalty: float

    def predict(self, x: Array) -> NDArray[np.int64]:
        """The class (N,) of features (N, F)."""
        return (x @ self.weights[:-1] + self.weights[-1]).argmax(1)


def fit_machine(x: Array, labels: NDArray[np.int64], classes: int, penalty: float) -> LinearMachine:
    """Learn from features (N, F) float32 and labels (N,) in [0, classes)."""
    wide = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    targets = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0).astype(np.float32)
    shape = (wide.shape[1], classes)

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape)
        slack = np.maximum(0, 1 - targets * (wide @ weights.astype(np.float32)))
        value = 0.5 * float(flat @ flat) + penalty * float(np.square(slack, dtype=np.float64).sum())
        slope = weights - 2 * penalty * (wide.T @ (targets * slack))
        return value, slope.ravel()

    start = np.zeros(shape[0] * classes)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "ftol": 1e-7})
    return LinearMachine(found.x.reshape(shape).astype(np.float32), penalty)


def search_penalty(
    x: Array, labels: NDArray[np.int64], classes: int, penalties: Sequence[float], folds: int
) -> float:
    """The penalty with the highest mean accuracy over stratified folds; the smaller one of equals."""
    from sklearn.model_selection import StratifiedKFold

    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    means = []
    for penalty in penalties:
        right = []
        for known, unseen in split.split(x, labels):
            machine = fit_machine(x[known], labels[known], classes, penalty)
            right.append((machine.predict(x[unseen]) == labels[unseen]).mean())
        means.append(np.mean(right))
    return penalties[int(np.argmax(means))]
