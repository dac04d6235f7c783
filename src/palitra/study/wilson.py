"""The interval of a share (Wilson 1927): the shares that a score test at the level does not refuse."""

from __future__ import annotations

import math
from statistics import NormalDist

from palitra.errors import InputError


def wilson(wins: float, count: int, level: float = 0.95) -> tuple[float, float]:
    """Lower and upper bound of the share behind `wins` of `count` independent answers; (0, 1) of none.

    The two roots p of (w/n - p)^2 = z^2 p (1 - p) / n, so it stays inside [0, 1] and is no point at 0 or n
    wins. An equal answer may count as half a win: the interval is then wider than need be, never narrower.

    Raises:
        InputError: wins outside [0, count], a level outside (0, 1).
    """
    if not 0 <= wins <= count:
        raise InputError(f"`wins` must be in [0, {count}], got {wins:g}")
    if not 0 < level < 1:
        raise InputError(f"`level` must be inside (0, 1), got {level:g}")
    if count == 0:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    share = wins / count
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    # rounding must not leave a bound just inside what it has to touch
    low = 0.0 if wins == 0 else middle - half
    return low, 1.0 if wins == count else middle + half
