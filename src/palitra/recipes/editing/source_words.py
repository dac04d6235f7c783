"""What a photo shows, guessed by eye when nobody says it: "a photo of a dog"."""

from __future__ import annotations

from functools import cache

from torch import Tensor

from palitra.models.eye import Eye, load_eye
from palitra.models.eye_network import CONCEPTS, DOMAINS

SURE = 0.25
"""Below this probability of the best phrase only the kind of picture is said."""


@cache
def embedded_eye() -> Eye:
    """The embedded eye, loaded once per process."""
    return load_eye()


def phrases() -> tuple[str, ...]:
    """All phrases a photo may be guessed as: every concept in every kind of picture."""
    return tuple(f"a {kind} of {_article(thing)} {thing}" for kind in DOMAINS for thing in CONCEPTS)


def suggest_source(picture: Tensor, eye: Eye | None = None) -> str:
    """The likeliest phrase for a picture (3, H, W) in [0, 1]; the bare kind, "a photo", when none is likely.

    eye knows 15 concepts: of anything else it names what looks most like it, so the guess is shown to the
    user. Cost: one pass of eye, a few milliseconds.
    """
    eye = eye or embedded_eye()
    known = phrases()
    likely = eye.suggest(picture[None] * 255, known)[0]
    best = int(likely.argmax())
    if float(likely[best]) >= SURE:
        return known[best]
    kinds = likely.view(len(DOMAINS), len(CONCEPTS)).sum(1)
    return f"a {DOMAINS[int(kinds.argmax())]}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
