"""An edit in one line: "dog -> cat" says what a photo shows and what it should become."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ARROW: Final = re.compile(r"\s*(?:-+>|=+>|→|➡\ufe0f?|⇒)\s*")
_WISH: Final = re.compile(r"\s*[;\n]\s*")
_BARE: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
ENGLISH: Final = {
    "человек": "person",
    "кот": "cat",
    "кошка": "cat",
    "собака": "dog",
    "пёс": "dog",
    "пес": "dog",
    "лошадь": "horse",
    "конь": "horse",
    "слон": "elephant",
    "жираф": "giraffe",
    "гитара": "guitar",
    "дом": "house",
}
"""What the embedded model knows, by its Russian names: the model reads English."""


@dataclass(frozen=True)
class EditWords:
    """What a photo shows, and a line for each wish."""

    source: str
    target: str


def edit_words(words: str) -> EditWords | None:
    """From "dog -> cat", "dog → cat; horse" or "-> cat"; None without an arrow or without a wish.

    A single word becomes a phrase as models were taught them: "a photo of a cat".
    """
    parts = _ARROW.split(words.strip(), maxsplit=1)
    if len(parts) < 2:
        return None
    wishes = [phrase(wish) for wish in _WISH.split(parts[1].strip()) if wish]
    return EditWords(phrase(parts[0]), "\n".join(wishes)) if wishes else None


def phrase(words: str) -> str:
    """A bare word as "a photo of a …"; anything longer stays as it is."""
    if not _BARE.fullmatch(words):
        return words
    word = ENGLISH.get(words.casefold(), words)
    return f"a photo of {'an' if word[0].casefold() in 'aeiou' else 'a'} {word}"
