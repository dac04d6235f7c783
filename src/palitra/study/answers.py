"""What people answered, and whose answers count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from palitra.study.design import NOISE

Question = Literal["edit", "structure"]
Choice = Literal["left", "right", "equal"]
QUESTIONS: Final[tuple[Question, ...]] = get_args(Question)


@dataclass(frozen=True)
class Answer:
    """One choice: participant `number` at `place` of their list saw the arms `left` and `right`."""

    number: int
    place: int
    question: Question
    left: int
    right: int
    choice: Choice

    @property
    def is_check(self) -> bool:
        """Whether one side was noise."""
        return NOISE in (self.left, self.right)

    @property
    def is_attentive(self) -> bool:
        """Of a check: whether the side without noise was chosen."""
        return {"left": self.left, "right": self.right}.get(self.choice, NOISE) != NOISE


@dataclass(frozen=True)
class Sieved:
    """Answers that count, without checks, and how many participants are behind them and beside them."""

    answers: tuple[Answer, ...]
    participants: int
    left_out: int
    unchecked: int


def sieve(answers: Sequence[Answer], checks: int, allowed: int) -> Sieved:
    """Leave out who failed more than `allowed` checks; a check is failed by one wrong answer of its two.

    Where a study has checks, who stopped before the first of them is left out too (`unchecked`): nothing is
    known about their attention. Who stopped later counts as far as they came.
    """
    people: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        people[answer.number].append(answer)
    kept: list[Answer] = []
    counted = left_out = unchecked = 0
    for given in people.values():
        seen = {a.place for a in given if a.is_check}
        failed = {a.place for a in given if a.is_check and not a.is_attentive}
        if len(failed) > allowed:
            left_out += 1
        elif checks and not seen:
            unchecked += 1
        else:
            counted += 1
            kept += [a for a in given if not a.is_check]
    return Sieved(tuple(kept), counted, left_out, unchecked)
