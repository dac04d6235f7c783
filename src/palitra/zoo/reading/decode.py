"""Decoding many picture files: unreadable ones are skipped, counted and named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palitra.errors import ImageError, InputError

MOST_UNREADABLE = 0.01


def decode(source: Path | bytes) -> Tensor:
    """A picture file as uint8 (C, H, W): one channel where all three are equal, else three.

    Raises:
        ImageError: no picture, or a damaged one.
    """
    from palitra.data.images import flatten, open_image

    pixels = torch.from_numpy(np.array(flatten(open_image(source, min_side=1).image)))
    picture = pixels.permute(2, 0, 1).contiguous()
    grey = bool((picture[0] == picture[1]).all() and (picture[1] == picture[2]).all())
    return picture[:1].clone() if grey else picture


class Decoded:
    """Pictures with their labels as read, and the names of those that could not be."""

    def __init__(self) -> None:
        self.pictures: list[Tensor] = []
        self.labels: list[Any] = []
        self.skipped: list[str] = []

    def take(self, items: Iterable[tuple[str, Path | bytes | None, Any]]) -> Decoded:
        """Decode (name, file or bytes, label).

        Raises:
            InputError: more than 1 % cannot be read, or none is there.
        """
        for name, source, label in items:
            try:
                if source is None:
                    raise ImageError("`image` must be given, got nothing")
                self.pictures.append(decode(source))
                self.labels.append(label)
            except ImageError:
                self.skipped.append(name)
        total = len(self.pictures) + len(self.skipped)
        if total == 0:
            raise InputError("`data` must hold pictures, got none")
        if len(self.skipped) > MOST_UNREADABLE * total:
            raise InputError(
                f"`data` must hold at most {MOST_UNREADABLE:.0%} unreadable pictures, got {len(self.skipped)}"
                f" of {total}: {', '.join(self.skipped[:3])}{', …' if len(self.skipped) > 3 else ''}"
            )
        return self


def picture_files(folder: Path) -> Iterator[Path]:
    """Files below `folder` in the order of their names; hidden ones are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path
