"""The ways a person may name what a captioned picture shows, and which phrases fit which captions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

KINDS = ("photo", "painting", "sketch")


def with_article(thing: str) -> str:
    """`an elephant`, `a horse`."""
    return f"{'an' if thing[:1] in 'aeio' else 'a'} {thing}"


def eye_phrasings(caption: str, concept: str) -> tuple[str, ...]:
    """Phrases true of a picture captioned "a KIND of a THING" that shows `concept`, the caption first.

    Words without a kind ("horse") are true of photos, paintings and sketches alike.
    """
    kind = next((k for k in KINDS if caption.startswith(f"a {k}")), KINDS[0])
    thing = caption.split(" of ", 1)[-1]
    bare = thing.split(" ", 1)[-1] if thing.startswith(("a ", "an ")) else thing
    ways = [caption, f"a {kind} of {with_article(concept)}", f"{kind} of {thing}", thing, bare]
    if kind != "photo":
        ways += [f"{bare} {kind}", f"{thing}, {kind}"]
    return tuple(dict.fromkeys(ways))


def collect_phrases(captions: Sequence[str], concepts: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """All phrases of the captions, sorted, and which fit which: bool (captions, phrases)."""
    ways = [eye_phrasings(a, b) for a, b in zip(captions, concepts, strict=True)]
    phrases = tuple(sorted({phrase for row in ways for phrase in row}))
    place = {phrase: i for i, phrase in enumerate(phrases)}
    fits = torch.zeros(len(captions), len(phrases), dtype=torch.bool)
    for i, row in enumerate(ways):
        fits[i, [place[p] for p in row]] = True
    return phrases, fits
