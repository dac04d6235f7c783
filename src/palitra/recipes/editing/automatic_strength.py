"""The strength of an edit chosen by trying: words up, distance to the photo down.

A few candidates are drawn with a share of the steps and judged by eye: how likely the target words are
against the source words, and how far the picture is from the photo. The one with the best sum of both is
drawn in full. Published searches over settings judge by CLIP and LPIPS; eye needs no download.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from palitra.metrics.eye_distance import eye_distance
from palitra.models.eye import Eye

CANDIDATES = (0.2, 0.35, 0.5, 0.65, 0.8)
STEPS_SHARE = 0.4
"""Share of the steps that candidates are drawn with."""
WEIGHT = 2.0
"""How much a unit of `lpips@eye` weighs against the probability of the words."""

Draw = Callable[[float], Tensor]
"""A strength -> pictures (B, 3, H, W) in [0, 1], drawn cheaply."""


def choose_strength(
    eye: Eye,
    photos: Tensor,
    sources: Sequence[str],
    targets: Sequence[str],
    draw: Draw,
    candidates: Sequence[float] = CANDIDATES,
) -> tuple[float, list[float]]:
    """The candidate with the best mean score over photos (B, 3, H, W), and all scores."""
    scores: list[float] = []
    for strength in candidates:
        made = draw(strength)
        words, distance = agreement(eye, made, sources, targets), eye_distance(eye, photos, made)
        scores.append(float((words - WEIGHT * distance).mean()))
    return candidates[int(torch.tensor(scores).argmax())], scores


def agreement(eye: Eye, pictures: Tensor, sources: Sequence[str], targets: Sequence[str]) -> Tensor:
    """Probability (B,) that the target words and not the source words say what a picture shows."""
    rows = [
        eye.suggest(picture[None] * 255, [source, target])[0, 1]
        for picture, source, target in zip(pictures, sources, targets, strict=True)
    ]
    return torch.stack(rows).double().cpu()
