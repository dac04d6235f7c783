"""What each head of eye learns by."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def labelled_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy over the pictures whose label is known (not -1); 0 if none is.

    Args:
        logits: (B, C).
        labels: (B,).
        smoothing: part of the target spread over all classes (Szegedy et al. 2016).
    """
    known = labels >= 0
    if not known.any():
        return logits.sum() * 0
    return F.cross_entropy(logits[known].float(), labels[known], label_smoothing=smoothing)


def caption_loss(pictures: Tensor, texts: Tensor, fits: Tensor, scale: Tensor) -> Tensor:
    """Contrast of pictures and texts, in which several texts may fit a picture and the other way round.

    As in CLIP (arXiv 2103.00020), with the target spread evenly over all that fit.

    Args:
        pictures: unit vectors (B, D).
        texts: unit vectors (T, D).
        fits: bool (B, T).
        scale: what multiplies the cosines.
    """
    logits = scale * pictures @ texts.T
    losses = []
    for scores, right in ((logits, fits), (logits.T, fits.T)):
        some = right.any(1)
        target = right[some].float()
        losses.append(F.cross_entropy(scores[some], target / target.sum(1, keepdim=True)))
    return (losses[0] + losses[1]) / 2


class MarginHead(nn.Module):
    """Softmax over people with an additive angular margin (Deng et al., "ArcFace", arXiv 1801.07698).

    Past the angle pi - m, where cos(angle + m) would rise again, it goes on straight.
    """

    def __init__(self, width: int, people: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(people, width))

    def forward(self, identity: Tensor, person: Tensor, margin: float, scale: float) -> Tensor:
        """Loss of unit vectors (B, D) of people (B,); -1 are left out."""
        known = person >= 0
        if not known.any():
            return identity.sum() * 0
        cosines = (identity[known] @ F.normalize(self.weight, dim=1).T).clamp(-1, 1)
        right = cosines.gather(1, person[known, None])
        # the square root's slope is infinite at 0
        sine = (1 - right.square()).clamp_min(1e-6).sqrt()
        moved = right * math.cos(margin) - sine * math.sin(margin)
        straight = right - margin * math.sin(margin)
        moved = torch.where(right > -math.cos(margin), moved, straight)
        return F.cross_entropy(scale * cosines.scatter(1, person[known, None], moved), person[known])
