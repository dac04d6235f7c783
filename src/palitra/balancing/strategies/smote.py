"""SMOTE (arXiv 1106.1813) on the features of the plain classifier; its last layer is then trained anew."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from palitra.balancing.classifier import Classifier, feature_rows
from palitra.balancing.strategies.strategy import Ground, Strategy

NEIGHBOURS = 5


def smote(features: Tensor, labels: Tensor, target: Sequence[int], seed: int) -> tuple[Tensor, Tensor]:
    """New points on the lines between a rare row and one of its nearest neighbours of the same class.

    Args:
        features: (N, D).
        labels: (N,), at least two rows of a class to be filled.
        target: rows wanted of each class.
        seed: of the draws.

    Returns:
        Features (M, D) and labels (M,) of the new points alone.
    """
    from imblearn.over_sampling import SMOTE

    counts = torch.bincount(labels, minlength=len(target)).tolist()
    points, names = [features[:0]], [labels[:0]]
    for k, (count, wanted) in enumerate(zip(counts, target, strict=True)):
        if wanted <= count or count < 2:
            continue
        # the library wants two classes: one row of another stands in and is left out again
        own = (labels == k).nonzero()[:, 0]
        rows = torch.cat([own, (labels != k).nonzero()[:1, 0]])
        made = SMOTE(
            sampling_strategy={1: wanted}, k_neighbors=min(NEIGHBOURS, count - 1), random_state=seed
        ).fit_resample(features[rows].numpy(), (labels[rows] == k).long().numpy())[0]
        new = torch.from_numpy(made[len(rows) :]).to(features.dtype)
        points.append(new)
        names.append(torch.full((len(new),), k))
    return torch.cat(points), torch.cat(names)


def fit(ground: Ground) -> nn.Module:
    """The plain classifier's features, filled up; a new last layer on them."""
    plain = ground.learned("nothing")
    assert isinstance(plain, Classifier)
    features = feature_rows(plain, ground.train.images)
    points, labels = smote(features, ground.train.labels, ground.target, ground.seed)
    return ground.refit(plain, torch.cat([features, points]), torch.cat([ground.train.labels, labels]))


STRATEGY = Strategy("smote", "SMOTE on features", fit)
