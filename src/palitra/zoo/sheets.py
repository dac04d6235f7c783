"""Picture sheets: rows of classes, or of one class under a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from palitra.zoo.drawing import draw_pictures
from palitra.zoo.families.family import Drawing, Family

Sweep = Literal["truncation", "guidance", "steps"]
SMALLEST_SIDE = 64


def grid(pictures: Tensor, columns: int) -> Tensor:
    """Pictures (N, C, H, W) in [-1, 1], N a multiple of `columns` -> uint8 (H', W', 3 or 1)."""
    n, c, h, w = pictures.shape
    assert n % columns == 0, f"{n} pictures in rows of {columns}"
    values = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte()
    if c not in (1, 3):
        # other channel counts are shown by their mean
        values, c = values.float().mean(1, keepdim=True).byte(), 1
    rows = values.view(n // columns, columns, c, h, w).permute(0, 3, 1, 4, 2)
    return rows.reshape(n // columns * h, columns * w, c)


def write_sheet(path: Path, pictures: Tensor, columns: int) -> Path:
    """Write a PNG, small pictures enlarged by whole numbers.

    Raises:
        InputError: the name does not end in .png.
        DiskError: the place cannot be written.
    """
    from PIL import Image

    from palitra.data.picture_files import save_picture

    factor = max(1, SMALLEST_SIDE // pictures.shape[2])
    sheet = grid(pictures, columns)
    sheet = sheet.repeat_interleave(factor, 0).repeat_interleave(factor, 1)
    array = sheet.numpy()
    return save_picture(Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array), path, {})


def class_sheet(model: Family, columns: int = 10, seed: int = 0, options: Drawing | None = None) -> Tensor:
    """`columns` pictures of every class (of ten rows without classes), row by row."""
    rows = model.classes or 10
    labels = torch.arange(rows).repeat_interleave(columns) if model.classes else None
    return torch.cat(list(draw_pictures(model, labels, rows * columns, seed, options)))


def sweep_sheet(
    model: Family, sweep: Sweep, values: Sequence[float], label: int | None, columns: int = 10, seed: int = 0
) -> Tensor:
    """A row per value with the same seeds in each, so that columns show what the value does.

    Without `label` the columns go through the classes.
    """
    labels = None
    if model.classes:
        labels = torch.arange(columns) % model.classes if label is None else torch.full((columns,), label)
    rows: list[Tensor] = []
    for value in values:
        options = Drawing(
            truncation=value if sweep == "truncation" else None,
            guidance=value if sweep == "guidance" else None,
            steps=int(value) if sweep == "steps" else None,
        )
        rows += draw_pictures(model, labels, columns, seed, options)
    return torch.cat(rows)
