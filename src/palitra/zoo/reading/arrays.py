"""npz files of `images`, `labels` and, where given, `names`."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch

from palitra.errors import InputError
from palitra.zoo.labelled_images import LabelledImages


def read_npz(path: Path) -> LabelledImages:
    """Images uint8 (N, H, W) or (N, H, W, C), labels whole numbers (N,), names by number.

    Raises:
        InputError: not such a file, or labels that do not match the pictures or the names.
    """
    try:
        with np.load(path) as file:
            found = {key: file[key] for key in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"`data` must be an undamaged npz file of plain arrays, got {path}") from error
    missing = [k for k in ("images", "labels") if k not in found]
    if missing:
        raise InputError(f"`{path.name}` must hold {missing[0]}, got {', '.join(found) or 'nothing'}")
    images, labels = found["images"], found["labels"]
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise InputError(
            f"`images` must be uint8 (N, H, W) or (N, H, W, C), got {images.dtype} {images.shape}"
        )
    if len(images) == 0:
        raise InputError("`data` must hold pictures, got none")
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"`labels` must be {len(images)} whole numbers, got {labels.dtype} {labels.shape}")
    low, high = int(labels.min()), int(labels.max())
    names = tuple(map(str, found["names"])) if "names" in found else tuple(map(str, range(high + 1)))
    if low < 0 or high >= len(names):
        raise InputError(f"`labels` must be in [0, {len(names) - 1}], got {low if low < 0 else high}")
    stacked = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return LabelledImages(
        torch.from_numpy(np.ascontiguousarray(stacked)), torch.from_numpy(labels.astype(np.int64)), names
    )
