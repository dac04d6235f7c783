"""Who is shown which pairs: every two arms equally often, sides and order by chance, checks in between.

All cells (two arms, one item) are walked through in one long circle, and every participant takes the next
stretch of it. Step t of the circle shows the arms t mod K and the item (t + t // lcm(K, I)) mod I of K pairs
of arms and I items, so after any number of participants two pairs of arms differ by one showing at most, and
after K I steps every cell was shown once. The items of a stretch are neighbours, hence as a rule different.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Final, TypeVar

from palitra.errors import check_range

NOISE: Final = -1
"""In place of an arm: a picture that is worse than any edit, whatever is asked."""
MOST_PAIRS, MOST_CHECKS = 200, 20
T = TypeVar("T")


@dataclass(frozen=True)
class Trial:
    """One item by two arms, numbered as in the design; one of them is `NOISE` in a check of attention."""

    item: int
    left: int
    right: int

    @property
    def is_check(self) -> bool:
        """Whether the answer is known beforehand."""
        return NOISE in (self.left, self.right)


@dataclass(frozen=True)
class Design:
    """arms, items: how many; pairs, checks: of one participant; against: the arm that all others meet."""

    arms: int
    items: int
    pairs: int
    checks: int
    seed: int
    against: int | None = None

    def check(self) -> Design:
        """The same.

        Raises:
            InputError: fewer than two arms, no items, an arm that is not there, too many of something.
        """
        check_range("arms", self.arms, 2, 40)
        check_range("items", self.items, 1, 100_000)
        check_range("pairs", self.pairs, 1, min(MOST_PAIRS, self.cells))
        check_range("checks", self.checks, 0, MOST_CHECKS)
        if self.against is not None:
            check_range("against", self.against, 0, self.arms - 1)
        return self

    @property
    def met(self) -> list[tuple[int, int]]:
        """The pairs of arms that are compared: all, or one arm with every other."""
        if self.against is None:
            return list(combinations(range(self.arms), 2))
        return [(self.against, other) for other in range(self.arms) if other != self.against]

    @property
    def cells(self) -> int:
        """Pairs of arms times items."""
        return len(self.met) * self.items


def plan(design: Design, number: int) -> list[Trial]:
    """What participant `number` (0, 1, 2 …) is shown, in this order; the same for the same design.

    Raises:
        InputError: a design out of bounds.
    """
    chance = Random(f"{design.seed}/{number}")
    trials = _pairs(design.check(), number, chance)
    chance.shuffle(trials)
    return _with_checks(trials, design, chance)


def _pairs(design: Design, number: int, chance: Random) -> list[Trial]:
    """The participant's stretch of the circle; a pair of arms that comes again changes sides."""
    whole = Random(f"{design.seed}")
    met, items = _shuffled(design.met, whole), _shuffled(range(design.items), whole)
    turn = math.lcm(len(met), len(items))
    turned: dict[tuple[int, int], bool] = defaultdict(lambda: chance.random() < 0.5)
    trials = []
    for step in range(number * design.pairs, (number + 1) * design.pairs):
        t = step % design.cells
        pair = met[t % len(met)]
        sides = pair[::-1] if turned[pair] else pair
        turned[pair] = not turned[pair]
        trials.append(Trial(items[(t + t // turn) % len(items)], *sides))
    return trials


def _with_checks(trials: list[Trial], design: Design, chance: Random) -> list[Trial]:
    """One check somewhere in each of as many equal stretches; noise is left about as often as right."""
    if not design.checks:
        return trials
    left = [i % 2 == 0 for i in range(design.checks)]
    chance.shuffle(left)
    shown: list[Trial] = []
    for i, noise_left in enumerate(left):
        part = trials[i * len(trials) // design.checks : (i + 1) * len(trials) // design.checks]
        arm = chance.randrange(design.arms)
        sides = (NOISE, arm) if noise_left else (arm, NOISE)
        part.insert(chance.randint(0, len(part)), Trial(chance.randrange(design.items), *sides))
        shown += part
    return shown


def _shuffled(values: Sequence[T], chance: Random) -> list[T]:
    return chance.sample(values, len(values))
