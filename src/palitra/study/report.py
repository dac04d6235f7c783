"""What a study says: shares of preference with intervals, and a ranking, for each question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from palitra.study.answers import QUESTIONS, Answer, Question, Sieved, sieve
from palitra.study.bradley_terry import Array, apart, expected_share, rank
from palitra.study.design import Design
from palitra.study.wilson import wilson


@dataclass(frozen=True)
class Share:
    """How often `first` was preferred to `second`: (wins + equal / 2) / answers, with Wilson's interval."""

    first: str
    second: str
    wins: int
    equal: int
    answers: int
    share: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Place:
    """An arm in the ranking. strength: log strength, mean 0 over arms; expected: share against any other."""

    arm: str
    strength: float
    low: float | None
    high: float | None
    expected: float


@dataclass(frozen=True)
class Told:
    """All that was said to one question; `ranking` is best first, empty where there can be none."""

    question: Question
    shares: tuple[Share, ...]
    ranking: tuple[Place, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A study's answers in numbers; level is that of every interval."""

    study: str
    title: str
    arms: tuple[str, ...]
    participants: int
    left_out: int
    unchecked: int
    finished: int
    level: float
    questions: tuple[Told, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def make_report(
    study: str,
    title: str,
    arms: Sequence[str],
    design: Design,
    answers: Sequence[Answer],
    *,
    allowed: int,
    finished: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
) -> Report:
    """Count the answers of attentive participants; `finished` is how many came to the end.

    Raises:
        InputError: settings out of bounds.
    """
    sieved = sieve(answers, design.checks, allowed)
    questions = tuple(_told(q, sieved, arms, design.met, resamples, level) for q in QUESTIONS)
    return Report(
        study,
        title,
        tuple(arms),
        sieved.participants,
        sieved.left_out,
        sieved.unchecked,
        finished,
        level,
        questions,
    )


def tables(answers: Sequence[Answer], arms: int) -> Array:
    """Wins of the row over the column, a table per participant (P, A, A); equal is half each way."""
    numbers = {number: p for p, number in enumerate(sorted({a.number for a in answers}))}
    wins = np.zeros((len(numbers), arms, arms))
    for a in answers:
        left = {"left": 1.0, "right": 0.0, "equal": 0.5}[a.choice]
        wins[numbers[a.number], a.left, a.right] += left
        wins[numbers[a.number], a.right, a.left] += 1 - left
    return wins


def _told(
    question: Question,
    sieved: Sieved,
    arms: Sequence[str],
    met: Sequence[tuple[int, int]],
    resamples: int,
    level: float,
) -> Told:
    answers = [a for a in sieved.answers if a.question == question]
    shares = tuple(_share(arms, pair, answers, level) for pair in met)
    people = tables(answers, len(arms))
    groups = apart(people.sum(0))
    if len(groups) > 1:
        named = "; ".join(", ".join(arms[i] for i in group) for group in groups)
        why = f"no ranking: these groups of arms were not compared with each other yet: {named}"
        return Told(question, shares, (), (why,))
    ranking = rank(people, resamples=resamples, level=level)
    expected = expected_share(ranking.strengths)
    places = [
        Place(
            arm,
            float(ranking.strengths[i]),
            None if ranking.low is None else float(ranking.low[i]),
            None if ranking.high is None else float(ranking.high[i]),
            float(expected[i]),
        )
        for i, arm in enumerate(arms)
    ]
    notes = []
    if ranking.softened:
        notes.append(
            "some arms never lost to the rest, so their strength has no bound: half a win each way was added "
            "to every compared pair"
        )
    elif ranking.softened_share:
        notes.append(
            f"in {100 * ranking.softened_share:.1f} % of the resamples some arms never lost to the rest: "
            "half a win each way was added there"
        )
    if ranking.low is None:
        notes.append("an interval of the ranking needs at least 2 participants")
    return Told(question, shares, tuple(sorted(places, key=lambda p: -p.strength)), tuple(notes))


def _share(arms: Sequence[str], pair: tuple[int, int], answers: Sequence[Answer], level: float) -> Share:
    first, second = pair
    wins = equal = count = 0
    for a in answers:
        if {a.left, a.right} != {first, second}:
            continue
        count += 1
        equal += a.choice == "equal"
        wins += (a.left if a.choice == "left" else a.right if a.choice == "right" else None) == first
    score = wins + equal / 2
    share = score / count if count else None
    return Share(arms[first], arms[second], wins, equal, count, share, *wilson(score, count, level))
