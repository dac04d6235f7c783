"""Pictures in memory as an image set, so that generated ones are measured without files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palitra.data.image_sets import ImageSet
from palitra.errors import InputError


@dataclass
class MemorySet(ImageSet):
    """`pixels` uint8 (N, C, H, W) with 1 or 3 channels; `labels` int64 (N,) number `classes`, or None."""

    pixels: Tensor = field(default_factory=lambda: torch.zeros(0, 1, 1, 1, dtype=torch.uint8))
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def _items(self) -> Iterator[tuple[str, Any, int | None]]:
        for i, pixels in enumerate(self.pixels):
            yield f"image {i}", pixels, None if self.labels is None else int(self.labels[i])

    def _decode(self, source: Any, name: str) -> Tensor:
        return source.expand(3, -1, -1).contiguous()

    def content_hash(self) -> str:
        """SHA-256 (hex) over shape, pixels and labels."""
        digest = hashlib.sha256(repr(tuple(self.pixels.shape)).encode())
        digest.update(self.pixels.contiguous().numpy().tobytes())
        if self.labels is not None:
            digest.update(self.labels.contiguous().numpy().tobytes())
        return digest.hexdigest()


def memory_set(
    name: str, pixels: Tensor, labels: Tensor | None = None, classes: tuple[str, ...] = ()
) -> MemorySet:
    """A set of pictures in memory.

    Args:
        name: how messages call the set.
        pixels: uint8 (N, C, H, W), C 1 or 3.
        labels: (N,) in [0, len(classes)), or None.
        classes: their names.

    Raises:
        InputError: another kind or shape of pixels, no picture, or labels that do not fit.
    """
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or not len(pixels):
        raise InputError(
            f"`{name}` must be pictures uint8 (N, 1 or 3, H, W), got {pixels.dtype} {tuple(pixels.shape)}"
        )
    if labels is not None and (
        labels.shape != (len(pixels),) or not 0 <= int(labels.min()) <= int(labels.max()) < len(classes)
    ):
        raise InputError(
            f"`{name}` must have {len(pixels)} labels in [0, {len(classes) - 1}], "
            f"got {tuple(labels.shape)} up to {int(labels.max())}"
        )
    return MemorySet(
        Path(name), classes, pixels=pixels.cpu(), labels=None if labels is None else labels.cpu()
    )
