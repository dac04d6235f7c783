"""Real and generated pictures of the rare classes side by side."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from palitra.balancing.synthetic import Synthetic
from palitra.errors import DiskError
from palitra.zoo.labelled_images import LabelledImages
from palitra.zoo.sheets import grid

EACH = 8
GAP = 8
SCALE = 2


def write_pairs(path: Path, real: LabelledImages, made: Synthetic) -> Path:
    """A row per class with generated pictures: eight real ones, a gap, eight generated ones; .webp or .png.

    Raises:
        DiskError: the place cannot be written.
    """
    classes = made.labels.unique().tolist()
    sides = [
        torch.cat(
            [_some(images[labels == k], real.shape) for k in classes] or [_some(images[:0], real.shape)]
        )
        for images, labels in ((real.images, real.labels), (made.images, made.labels))
    ]
    left, right = (grid(side.float() / 127.5 - 1, EACH) for side in sides)
    gap = torch.full((len(left), GAP, left.shape[2]), 255, dtype=torch.uint8)
    sheet = torch.cat([left, gap, right], 1).repeat_interleave(SCALE, 0).repeat_interleave(SCALE, 1).numpy()
    image = Image.fromarray(sheet[:, :, 0] if sheet.shape[2] == 1 else sheet)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=85)
    except OSError as error:
        raise DiskError(f"`out` must be a place that can be written, but {path} cannot: {error}") from error
    return path


def _some(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Eight pictures, white ones where there are fewer."""
    white = torch.full((max(0, EACH - len(images)), *shape), 255, dtype=torch.uint8)
    return torch.cat([images[:EACH], white])
