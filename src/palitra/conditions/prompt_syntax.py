r"""Weights inside prompts, in the notation users of Stable Diffusion know.

`(word)` counts 1.1 times, `((word))` 1.21 times, `[word]` 1/1.1 times, `(word:1.3)` 1.3 times; they
nest and multiply. `\(`, `\)`, `\[`, `\]` and `\\` are the characters themselves. A bracket that is
never closed acts to the end; a closing one that was never opened is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from palitra.errors import InputError

STEP = 1.1
LARGEST_WEIGHT = 10.0

_PARTS = re.compile(r"\\[()\[\]\\]|[()\[\]]|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|[^\\()\[\]:]+|.", re.DOTALL)


@dataclass(frozen=True)
class WeightedText:
    """A stretch of text and how much it counts."""

    text: str
    weight: float


def parse_prompt(prompt: str) -> list[WeightedText]:
    """Split a prompt into stretches of equal weight, brackets taken out; never empty.

    Raises:
        InputError: a weight is outside [-10, 10].
    """
    pieces: list[tuple[str, float]] = []
    rounds: list[int] = []
    squares: list[int] = []
    for match in _PARTS.finditer(prompt):
        part, number = match.group(), match.group(1)
        if len(part) == 2 and part[0] == "\\":
            pieces.append((part[1], 1.0))
        elif part in ("(", "["):
            (rounds if part == "(" else squares).append(len(pieces))
        elif number is not None and rounds:
            _scale(pieces, rounds.pop(), _bounded(number))
        elif part == ")" and rounds:
            _scale(pieces, rounds.pop(), STEP)
        elif part == "]" and squares:
            _scale(pieces, squares.pop(), 1 / STEP)
        else:
            pieces.append((part, 1.0))
    for start in rounds:
        _scale(pieces, start, STEP)
    for start in squares:
        _scale(pieces, start, 1 / STEP)
    return _merge(pieces)


def _bounded(number: str) -> float:
    weight = float(number)
    if not -LARGEST_WEIGHT <= weight <= LARGEST_WEIGHT:
        raise InputError(
            f"`prompt` weights must be in [-{LARGEST_WEIGHT:g}, {LARGEST_WEIGHT:g}], got {weight:g}"
        )
    return weight


def _scale(pieces: list[tuple[str, float]], start: int, factor: float) -> None:
    pieces[start:] = [(text, weight * factor) for text, weight in pieces[start:]]


def _merge(pieces: list[tuple[str, float]]) -> list[WeightedText]:
    merged: list[WeightedText] = []
    for text, product in pieces:
        weight = round(product, 9)  # ([a]) is exactly 1 again
        if merged and merged[-1].weight == weight:
            merged[-1] = WeightedText(merged[-1].text + text, weight)
        else:
            merged.append(WeightedText(text, weight))
    return merged or [WeightedText("", 1.0)]
