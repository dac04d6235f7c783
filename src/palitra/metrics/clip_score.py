"""CLIP score: cosine of image and text features of one CLIP model, on features that are given.

Source: Hessel et al., "CLIPScore: A Reference-free Evaluation Metric for Image Captioning" (2021),
which scales by 2.5; most tools since scale by 100. Negative cosines count as zero, image by image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.image_pairs import PairMean
from palitra.metrics.moments import check_features


def clip_score(image_features: Tensor, text_features: Tensor, *, scale: float = 100.0) -> Tensor:
    """Cosine of each image with its text, zero where negative, times `scale`, (N,) float64.

    Raises:
        InputError: different shapes, a row of zeros, or values that are not finite.
    """
    return scale * paired_cosine(image_features, text_features).clamp_min(0)


def paired_cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of each row of (N, D) with its partner, (N,) float64."""
    x, y = check_features("first", first), check_features("second", second)
    if x.shape != y.shape:
        raise InputError(f"`second` must have the shape {tuple(x.shape)} as `first`, got {tuple(y.shape)}")
    lengths = x.norm(dim=1) * y.norm(dim=1)
    if not lengths.all():
        raise InputError(f"`features` must not be all zero, got that for row {int(lengths.argmin())}")
    return ((x * y).sum(1) / lengths).clamp(-1, 1)


def zero_shot_labels(image_features: Tensor, class_features: Tensor) -> Tensor:
    """The class (C, D) of the largest cosine with each image (N, D), (N,) int64."""
    x, y = check_features("image_features", image_features), check_features("class_features", class_features)
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"`class_features` must have {x.shape[1]} dimensions as `image_features`, got {y.shape[1]}"
        )
    return (x @ torch.nn.functional.normalize(y, dim=1).T).argmax(1)


@dataclass
class ClipScore(PairMean):
    """Mean of `clip_score` over pairs of image and text."""

    scale: float = 100.0

    def update(self, image_features: Tensor, text_features: Tensor) -> None:
        """Add pairs of features (N, D)."""
        self.values.append(clip_score(image_features, text_features, scale=self.scale))

    def settings(self) -> tuple[float, ...]:
        """The scale."""
        return (self.scale,)
