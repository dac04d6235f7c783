"""What is reported of a classifier on real test pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics
from torch import Tensor

BINS = 15
SCORES: Final = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "minority_recall",
    "minority_auprc",
    "calibration_error",
)


def scores(probabilities: Tensor, labels: Tensor, rare: Sequence[int]) -> dict[str, float]:
    """The numbers of `SCORES` from class probabilities (N, K) and labels (N,) in which every class occurs.

    macro_f1: mean F1 over the classes. minority_recall, minority_auprc: mean recall and mean area under the
    precision-recall curve (one class against the others) over `rare`.
    """
    p, y = probabilities.double().numpy(), labels.numpy()
    seen, classes = p.argmax(1), range(p.shape[1])
    recall = metrics.recall_score(y, seen, labels=classes, average=None, zero_division=0.0)
    area = [metrics.average_precision_score(y == k, p[:, k]) for k in rare]
    return {
        "accuracy": float(metrics.accuracy_score(y, seen)),
        "balanced_accuracy": float(recall.mean()),
        "macro_f1": float(metrics.f1_score(y, seen, labels=classes, average="macro", zero_division=0.0)),
        "minority_recall": float(recall[list(rare)].mean()),
        "minority_auprc": float(np.mean(area)),
        "calibration_error": expected_calibration_error(p, y),
    }


def recalls(seen: Tensor, labels: Tensor, classes: int) -> list[float]:
    """Recall of every class."""
    y, own = labels.numpy(), range(classes)
    found = metrics.recall_score(y, seen.numpy(), labels=own, average=None, zero_division=0.0)
    return [float(r) for r in found]


def expected_calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean gap of confidence and accuracy over 15 equal bins of the top probability (arXiv 1706.04599)."""
    top, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((top * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, top, BINS) - np.bincount(bins, right, BINS)
    return float(np.abs(gaps).sum() / len(labels))
