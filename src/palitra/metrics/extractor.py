"""What every extractor is: a network as a function of images, with a name and the hash of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from palitra.errors import InputError

PUBLISHED = "inception"


@dataclass(frozen=True, eq=False)
class Extracted:
    """`features` (B, D) float32 and, where the network has classes, `logits` (B, C)."""

    features: Tensor
    logits: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Extractor:
    """A network as a function of images (B, 3, size, size) in [0, 255].

    `weights` is the SHA-256 (hex) of its weights: results of other weights are not comparable.
    """

    name: str
    size: int
    weights: str
    run: Callable[[Tensor], Extracted]
    device: torch.device

    def __call__(self, images: Tensor) -> Extracted:
        """Features of resized images, on the CPU in float32.

        Raises:
            InputError: the network gives NaN or infinity.
        """
        with torch.inference_mode():
            found = self.run(images.to(self.device))
        features = found.features.float().cpu()
        if not torch.isfinite(features).all():
            raise InputError(f"`extractor` must give finite features, got NaN or infinity from {self.name}")
        return Extracted(features, None if found.logits is None else found.logits.float().cpu())


Factory = Callable[[Path | None, torch.device], Extractor]
