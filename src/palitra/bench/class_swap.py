"""Do edited pictures belong to the class they were to become? Distances of sets: FID and KID of a class swap.

The published dog -> cat protocol has 500 photos of each; at such numbers FID has a large bias, so KID stands
beside it. With eye's features both say so in their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from palitra.data.image_sets import open_image_set
from palitra.data.images import to_tensor
from palitra.errors import InputError
from palitra.metrics.extractor import PUBLISHED, Extractor
from palitra.metrics.frechet import frechet_from_features
from palitra.metrics.kernel import kernel_distance_full
from palitra.metrics.resize import resize

LEAST = 50


def reference_features(extractor: Extractor, path: Path, limit: int | None = None) -> Tensor:
    """Features (N, D) of a set of real pictures of the wanted class: a folder, parquet or npz."""
    rows = [_seen(extractor, image.pixels[None]) for image in open_image_set(path).images(limit)]
    if len(rows) < LEAST:
        raise InputError(f"`reference` must hold at least {LEAST} pictures, got {len(rows)}")
    return torch.cat(rows)


def class_swap(extractor: Extractor, reference: Tensor, pictures: Sequence[Path]) -> dict[str, float]:
    """FID and KID of edited pictures against the reference features; nothing below 50 pictures."""
    if len(pictures) < LEAST:
        return {}
    features = torch.cat([_seen(extractor, _bytes(path)) for path in pictures])
    end = "" if extractor.name == PUBLISHED else f"@{extractor.name}"
    fid = frechet_from_features(reference, features)
    kid = kernel_distance_full(reference, features)
    return {f"fid{end}": float(fid.value), f"kid{end}": float(kid.value)}


def _seen(extractor: Extractor, pixels: Tensor) -> Tensor:
    return extractor(resize(pixels, extractor.size, "clean")).features


def _bytes(path: Path) -> Tensor:
    with Image.open(path) as image:
        return (to_tensor(image.convert("RGB")) * 255).round().byte()
