"""Photos of any size as squares for a model, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from palitra.errors import ImageError

LONGEST_RATIO = 8


@dataclass(frozen=True)
class PhotoFrame:
    """Where a photo lies in its square: `box` (left, top, right, bottom) of a square of `side` pixels."""

    side: int
    box: tuple[int, int, int, int]

    @classmethod
    def of(cls, size: tuple[int, int], side: int) -> PhotoFrame:
        """The largest frame of the photo's shape, in the middle.

        Raises:
            ImageError: a shape so long that next to nothing would be left of it.
        """
        width, height = size
        long, short = max(size), min(size)
        if long > LONGEST_RATIO * short:
            raise ImageError(
                f"`photo` must be at most {LONGEST_RATIO} times as long as wide, got {width} x {height}"
            )
        w, h = max(1, round(side * width / long)), max(1, round(side * height / long))
        left, top = (side - w) // 2, (side - h) // 2
        return cls(side, (left, top, left + w, top + h))

    def place(self, image: Image.Image) -> Image.Image:
        """The photo in its square; what is beside it is filled with its own mirror image."""
        left, top, right, bottom = self.box
        small = image.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
        pad = ((top, self.side - bottom), (left, self.side - right))
        pixels = np.asarray(small)
        return Image.fromarray(np.pad(pixels, (*pad, *((0, 0),) * (pixels.ndim - 2)), mode="symmetric"))

    def restore(self, square: Image.Image) -> Image.Image:
        """The photo's part of a square."""
        return square.crop(self.box)
