"""Do generated images show the class they were asked for, and can a classifier learn from them?

Class agreement: share of fakes that a classifier trained on real images gives the wanted class.
Classification accuracy score (Ravuri and Vinyals, "Classification Accuracy Score for Conditional
Generative Models", 2019): accuracy on real test images of a classifier trained on fakes only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from palitra.errors import InputError


@dataclass(frozen=True, eq=False)
class ClassAgreement:
    """`confusion` (C, C) counts wanted classes by row and seen classes by column."""

    confusion: Tensor

    @property
    def agreement(self) -> float:
        """Share of images with the wanted class."""
        return float(self.confusion.trace()) / float(self.confusion.sum())

    @property
    def per_class(self) -> Tensor:
        """The same within each wanted class, (C,) float64; NaN for classes that were not asked for."""
        return self.confusion.diagonal().double() / self.confusion.sum(1).double()

    @property
    def macro(self) -> float:
        """Mean over the classes that were asked for."""
        return float(self.per_class.nanmean())


def class_agreement(seen: Tensor, wanted: Tensor, classes: int) -> ClassAgreement:
    """Compare what a classifier sees, (N,) labels or (N, classes) logits, with wanted labels (N,).

    Raises:
        InputError: no images, different lengths, a label outside [0, classes), or NaN logits.
    """
    if seen.ndim == 2:
        if seen.shape[1] != classes:
            raise InputError(f"`seen` must have {classes} logits per image, got {seen.shape[1]}")
        if not torch.isfinite(seen).all():
            raise InputError("`seen` must hold finite logits, got NaN or infinity")
        seen = seen.argmax(1)
    if seen.shape != wanted.shape or seen.ndim != 1 or not len(seen):
        raise InputError(
            f"`seen` and `wanted` must be (N,) with at least 1 label, got {tuple(seen.shape)} "
            f"and {tuple(wanted.shape)}"
        )
    for name, labels in (("seen", seen), ("wanted", wanted)):
        outside = (labels < 0) | (labels >= classes)
        if outside.any():
            raise InputError(f"`{name}` must be labels in [0, {classes - 1}], got {int(labels[outside][0])}")
    pairs = wanted.long() * classes + seen.long().to(wanted.device)
    return ClassAgreement(pairs.bincount(minlength=classes * classes).view(classes, classes).cpu())


class Classifier(Protocol):
    """What learns and sees; images may be pixels or features, as it likes."""

    def fit(self, images: Tensor, labels: Tensor) -> object:
        """Learn from images (N, ...) with labels (N,); whatever was learnt before is forgotten."""
        ...

    def predict(self, images: Tensor) -> Tensor:
        """Labels (N,) or logits (N, classes)."""
        ...


def classification_accuracy_score(
    classifier: Classifier,
    fake: Tensor,
    fake_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    classes: int,
) -> ClassAgreement:
    """Train on fakes only, look at real test images; the confusion has true classes by row.

    Compare it with the same classifier trained on as many real images.

    Raises:
        InputError: labels and images differ in number, or as `class_agreement`.
    """
    for name, images, labels in (("fake", fake, fake_labels), ("test", test, test_labels)):
        if len(images) != len(labels) or not len(images):
            raise InputError(
                f"`{name}_labels` must have one label for each of {len(images)} images, got {len(labels)}"
            )
    classifier.fit(fake, fake_labels)
    with torch.inference_mode():
        seen = classifier.predict(test)
    return class_agreement(seen, test_labels, classes)


@dataclass
class Agreement:
    """Accumulator of `class_agreement`."""

    classes: int
    confusion: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.int64))

    def update(self, seen: Tensor, wanted: Tensor) -> None:
        """Add labels or logits with the wanted labels."""
        self._add(class_agreement(seen, wanted, self.classes).confusion)

    def merge(self, other: Agreement) -> None:
        """Add what another accumulator of as many classes has seen."""
        if other.classes != self.classes:
            raise InputError(f"`classes` must be {self.classes} to merge, got {other.classes}")
        self._add(other.confusion)

    def compute(self) -> ClassAgreement:
        """The agreement; at least one image."""
        if not self.confusion.numel():
            raise InputError("`images` must be at least 1 before compute, got 0")
        return ClassAgreement(self.confusion)

    def _add(self, counts: Tensor) -> None:
        if counts.numel():
            self.confusion = counts.clone() if not self.confusion.numel() else self.confusion + counts
