"""From a picture's size to the coarsest grid and the number of doublings, by formula."""

from __future__ import annotations

from typing import NamedTuple

from palitra.errors import InputError


class Grid(NamedTuple):
    """The coarsest grid, and how often it is doubled to give the picture."""

    height: int
    width: int
    levels: int


def coarsest(height: int, width: int) -> Grid:
    """Halve both sides while they are even and the shorter stays at least 4.

    Raises:
        InputError: the shorter side is not 4 to 7 times a power of two, or the picture is smaller than 8.
    """
    levels, h, w = 0, height, width
    while h % 2 == 0 and w % 2 == 0 and min(h, w) >= 8:
        levels, h, w = levels + 1, h // 2, w // 2
    if levels < 1 or min(h, w) > 7:
        raise InputError(
            f"`size` must be 4, 5, 6 or 7 times a power of two (such as 28, 32, 48, 64, 96), "
            f"got {height} x {width}"
        )
    return Grid(h, w, levels)
