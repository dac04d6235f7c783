"""A trunk with a head: how the class enters is chosen apart from the architecture."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.zoo.choices import Conditioning
from palitra.zoo.regularisers.minibatch_discrimination import MinibatchDiscrimination


class Verdict(NamedTuple):
    """Raw score (B,), features (B, F), and class logits (B, K) where there is a class head."""

    score: Tensor
    features: Tensor
    classes: Tensor | None


class Discriminator(nn.Module):
    """`trunk(x, beside)` gives features (B, trunk.features); `beside` is the one-hot class under concat."""

    def __init__(self, trunk: nn.Module, conditioning: Conditioning, classes: int, minibatch: bool) -> None:
        super().__init__()
        self.trunk, self.kind, self.classes = trunk, conditioning.kind, classes
        features = int(trunk.features)  # type: ignore[arg-type]
        self.minibatch = MinibatchDiscrimination(features) if minibatch else None
        wide = features + (self.minibatch.kernels if self.minibatch else 0)
        if self.kind != "semi_supervised":
            self.score = nn.Linear(wide, 1)
        if self.kind == "projection":
            self.embedding = nn.Embedding(classes, wide)
            nn.init.normal_(self.embedding.weight, 0, 0.02)
        if self.kind in ("auxiliary", "semi_supervised"):
            self.classifier = nn.Linear(wide, classes)

    def forward(self, x: Tensor, labels: Tensor | None) -> Verdict:
        """X (B, C, H, W), labels (B,)."""
        beside = None
        if self.kind == "concat":
            assert labels is not None
            beside = F.one_hot(labels, self.classes).to(x.dtype)
        features = self.trunk(x, beside).float()
        wide = self.minibatch(features) if self.minibatch else features
        with torch.autocast(x.device.type, enabled=False):
            return self._head(wide, features, labels)

    def _head(self, wide: Tensor, features: Tensor, labels: Tensor | None) -> Verdict:
        if self.kind == "semi_supervised":
            # K logits beside one that is 0 for "generated": the log odds of being real is their log-sum-exp
            logits = self.classifier(wide)
            return Verdict(logits.logsumexp(1), features, logits)
        score = self.score(wide)[:, 0]
        if self.kind == "projection":
            assert labels is not None
            score = score + (self.embedding(labels) * wide).sum(1)
        return Verdict(score, features, self.classifier(wide) if self.kind == "auxiliary" else None)
