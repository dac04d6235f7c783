"""Strengths of arms from pairs: P(i over j) = s_i / (s_i + s_j) (Bradley and Terry 1952).

The likelihood is climbed by minorise-maximise (Hunter 2004, "MM algorithms for generalized Bradley-Terry
models", section 2): s_i <- w_i / sum_j n_ij / (s_i + s_j), for many tables at once. It has one finite
maximum if and only if no arms can be set apart that never lost to the rest (Ford 1957; Hunter, assumption 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from palitra.errors import InputError, PalitraError

Array = NDArray[np.float64]
TOLERANCE: Final = 1e-9
"""Largest change of a log strength in the last step."""
MOST_STEPS: Final = 100_000
HALF_WIN: Final = 0.5
"""What both sides of every compared pair are given where the answers alone have no finite maximum."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Log strengths (A,) with mean 0 and their interval over participants; None with fewer than two.

    `softened`: half a win each way was added to every compared pair, since some arms never lost to the rest.
    """

    strengths: Array
    low: Array | None
    high: Array | None
    softened: bool
    softened_share: float
    """The share of resamples to which the same happened."""


def apart(wins: Array) -> list[list[int]]:
    """Groups of arms that answers (A, A) connect, in order; one group where all can be compared."""
    reach = _reach((wins + wins.T) > 0)
    groups: list[list[int]] = []
    for arm in range(len(wins)):
        if not any(arm in group for group in groups):
            groups.append([int(other) for other in np.flatnonzero(reach[arm])])
    return groups


def has_maximum(wins: Array) -> NDArray[np.bool_]:
    """For tables (..., A, A) of wins of the row over the column: whether strengths are finite and unique."""
    return np.asarray(_reach(wins > 0).all(axis=(-2, -1)))


def strengths(wins: Array) -> Array:
    """Log strengths (..., A) with mean 0 of tables (..., A, A): wins of the row's arm over the column's.

    Costs about A^2 a table and step; tables that have arrived are not touched again.

    Raises:
        InputError: a table without a finite maximum.
        PalitraError: no end in 100,000 steps.
    """
    if not has_maximum(wins).all():
        raise InputError("`wins` must have a finite ranking, got arms that never lost to the rest")
    tables = wins.reshape(-1, *wins.shape[-2:]).astype(np.float64)
    logs = np.zeros(tables.shape[:2])
    active = np.arange(len(tables))
    for _ in range(MOST_STEPS):
        table, now = tables[active], logs[active]
        games = table + table.swapaxes(1, 2)
        power = np.exp(now)
        new = np.log(table.sum(2)) - np.log((games / (power[:, :, None] + power[:, None, :])).sum(2))
        new -= new.mean(1, keepdims=True)
        logs[active] = new
        active = active[np.abs(new - now).max(1) > TOLERANCE]
        if not len(active):
            return logs.reshape(wins.shape[:-1])
    raise PalitraError(f"the ranking did not settle in {MOST_STEPS} steps: arms are compared too rarely")


def rank(
    tables: Array, *, resamples: int = 1000, level: float = 0.95, seed: int = 0, weight: float = HALF_WIN
) -> Ranking:
    """The ranking by the answers of many participants: tables (P, A, A), wins of the row over the column.

    The interval is the percentile bootstrap over participants, whose answers belong together. Where the
    sum (or a resample) has no finite maximum, `weight` wins are added both ways to every compared pair.

    Raises:
        InputError: arms that nobody compared, even by others; settings out of bounds.
    """
    if resamples < 1 or not 0 < level < 1:
        raise InputError(
            f"`resamples` must be at least 1 and `level` inside (0, 1), got {resamples} and {level:g}"
        )
    total = tables.sum(0)
    if len(apart(total)) > 1:
        raise InputError("`wins` must connect all arms, got arms that were never compared, even by others")
    soft = weight * ((total + total.T) > 0)
    softened = not bool(has_maximum(total))
    value = strengths(total + soft * softened)
    if len(tables) < 2:
        return Ranking(value, None, None, softened, 0.0)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(tables), np.full(len(tables), 1 / len(tables)), size=resamples)
    drawn = np.einsum("rp,pij->rij", counts.astype(np.float64), tables)
    lacking = ~has_maximum(drawn)
    values = strengths(drawn + soft * lacking[:, None, None])
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Ranking(value, low, high, softened, float(lacking.mean()))


def expected_share(logs: Array) -> Array:
    """For log strengths (A,): how often an arm is preferred to another drawn by chance, (A,) in [0, 1]."""
    wins = 1 / (1 + np.exp(logs[None, :] - logs[:, None]))
    return np.asarray((wins.sum(1) - 0.5) / (len(logs) - 1))


def _reach(step: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which arms can be reached from which along any number of steps (..., A, A)."""
    count = step.shape[-1]
    reach = step | np.eye(count, dtype=bool)
    for _ in range(max(1, (count - 1).bit_length())):
        reach = np.matmul(reach.astype(np.int32), reach.astype(np.int32)) > 0
    return reach
