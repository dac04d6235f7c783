"""Which generated pictures may stay: of the wanted class, neither copies nor outliers, none twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from palitra.balancing.classifier import Classifier, feature_rows, probabilities
from palitra.balancing.split import pixel_hashes
from palitra.errors import check_range
from palitra.metrics.memorisation import nearest_images
from palitra.zoo.labelled_images import LabelledImages

REASONS: Final = ("kept", "wrong_class", "unsure", "copy", "outlier", "twice")


@dataclass(frozen=True)
class SieveSettings:
    """Bounds; 0 switches one off.

    confidence: least probability of the wanted class. copies, outliers: shares of the real pictures' own
    distances below and above which a generated one goes.
    """

    confidence: float = 0.5
    copies: float = 0.01
    outliers: float = 0.01

    def check(self) -> None:
        """Raise `InputError` for a value out of bounds."""
        check_range("confidence", self.confidence, 0, 1)
        check_range("copies", self.copies, 0, 0.5)
        check_range("outliers", self.outliers, 0, 0.5)


class Sieve:
    """Judges by a classifier trained on the training rows, and by distances in its features.

    The band of distances of a class comes from its real pictures: how far each lies from the nearest other
    one. It remembers what it let through, so that nothing passes twice.

    Args:
        judge: trained on real training rows alone.
        real: all real rows that are not test rows.
        settings: bounds.
    """

    def __init__(self, judge: Classifier, real: LabelledImages, settings: SieveSettings) -> None:
        settings.check()
        self.judge, self.settings = judge, settings
        self.seen = set(pixel_hashes(real.images))
        features = feature_rows(judge, real.images)
        self.real = [features[real.labels == k] for k in range(len(real.names))]
        self.bands = [self._band(rows) for rows in self.real]

    def reasons(self, images: Tensor, label: int) -> Tensor:
        """Index into `REASONS` (N,) of uint8 pictures (N, C, H, W) made as class `label`; 0 stays."""
        p = probabilities(self.judge, images)
        low, high = self.bands[label]
        distance = nearest_images(feature_rows(self.judge, images), self.real[label])[1]
        found = torch.zeros(len(images), dtype=torch.int64)
        # the first reason stands: later ones are written first
        found[distance > high] = REASONS.index("outlier")
        found[distance < low] = REASONS.index("copy")
        found[p[:, label] < self.settings.confidence] = REASONS.index("unsure")
        if self.settings.confidence > 0:
            found[p.argmax(1) != label] = REASONS.index("wrong_class")
        for i, key in enumerate(pixel_hashes(images)):
            if found[i] == 0 and key in self.seen:
                found[i] = REASONS.index("twice")
            elif found[i] == 0:
                self.seen.add(key)
        return found

    def _band(self, rows: Tensor) -> tuple[float, float]:
        if len(rows) < 2:
            return 0.0, float("inf")
        near = torch.cdist(rows.double(), rows.double(), compute_mode="donot_use_mm_for_euclid_dist")
        near.fill_diagonal_(float("inf"))
        own = near.min(1).values
        low = float(own.quantile(self.settings.copies)) if self.settings.copies else 0.0
        high = float(own.quantile(1 - self.settings.outliers)) if self.settings.outliers else float("inf")
        return low, high
