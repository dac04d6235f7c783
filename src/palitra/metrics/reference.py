"""Features of a set on disk in safetensors, found again by the content of the set.

The key covers the images' bytes, the extractor's weights, the resize protocol and the size, so that a
changed image, network or protocol never meets old numbers. A damaged file is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from palitra.errors import DiskError
from palitra.metrics.extractor import Extractor

VERSION = 1


@dataclass(frozen=True, eq=False)
class Features:
    """What an extractor saw of a set: `features` (N, D), `labels` (N,) with -1 for none, `logits` or None.

    `prints` (N, 32) are SHA-256 of the images' pixels, by which equal ones are found; `skipped` names files.
    """

    features: Tensor
    labels: Tensor
    prints: Tensor
    logits: Tensor | None = None
    skipped: tuple[str, ...] = ()


def reference_key(content: str, extractor: Extractor, resize: str, limit: int | None) -> str:
    """The name of a set's features: a hash over all that they depend on."""
    parts = [VERSION, content, extractor.name, extractor.weights, extractor.size, resize, limit]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def save_features(folder: Path, key: str, found: Features) -> Path:
    """Write features whole or not at all.

    Raises:
        DiskError: the folder cannot be written.
    """
    tensors = {"features": found.features, "labels": found.labels, "prints": found.prints}
    if found.logits is not None:
        tensors["logits"] = found.logits
    path = folder / f"{key}.safetensors"
    part = folder / f".{key}.{secrets.token_hex(4)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            save_file(
                {k: v.contiguous() for k, v in tensors.items()}, part, {"skipped": json.dumps(found.skipped)}
            )
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise DiskError(f"`{folder}` cannot be written: {error}") from error
    return path


def load_features(folder: Path, key: str) -> Features | None:
    """The features of that key; None where there are none, or a file that cannot be read."""
    path = folder / f"{key}.safetensors"
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            names = set(file.keys())
            held = {name: file.get_tensor(name).clone() for name in names}
            skipped = tuple(json.loads((file.metadata() or {}).get("skipped", "[]")))
    except (SafetensorError, OSError, ValueError):
        return None
    if not {"features", "labels", "prints"} <= names or not torch.isfinite(held["features"]).all():
        return None
    return Features(held["features"], held["labels"], held["prints"], held.get("logits"), skipped)
