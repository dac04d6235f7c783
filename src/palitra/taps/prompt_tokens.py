"""A prompt's words and where their tokens lie in the text states."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from palitra.errors import InputError


@dataclass(frozen=True)
class Word:
    """What lies between two spaces of a prompt. core: without the punctuation around it, in small letters.

    tokens: positions in the text states. core_tokens: those of the core alone.
    """

    text: str
    core: str
    tokens: tuple[int, ...]
    core_tokens: tuple[int, ...]


@dataclass(frozen=True)
class PromptTokens:
    """A prompt as the text tower reads it: token ids without marks, and the stretch of text each stands for.

    Token k lies at `positions[k]` of the text states, which hold `windows` windows of `window` tokens, each
    between a begin and an end mark.
    """

    text: str
    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    windows: int
    window: int

    @property
    def length(self) -> int:
        """Tokens of the text states."""
        return self.windows * self.window

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Where each token lies."""
        room = self.window - 2
        return tuple(k // room * self.window + 1 + k % room for k in range(len(self.ids)))

    @cached_property
    def marks(self) -> tuple[int, ...]:
        """Where the begin and end marks of the windows lie."""
        room = self.window - 2
        found: list[int] = []
        for w in range(self.windows):
            inside = min(max(len(self.ids) - w * room, 0), room)
            found += [w * self.window, w * self.window + 1 + inside]
        return tuple(found)

    @cached_property
    def padding(self) -> tuple[int, ...]:
        """All other positions, in order."""
        taken = {*self.positions, *self.marks}
        return tuple(p for p in range(self.length) if p not in taken)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words in order; a token belongs to the word in which it begins."""
        found: list[Word] = []
        start = 0
        for part in self.text.split():
            start = self.text.index(part, start)
            end = start + len(part)
            core = part.strip(string.punctuation) or part
            first = start + part.index(core)
            tokens, inner = self._between(start, end), self._between(first, first + len(core))
            found.append(Word(part, core.casefold(), tokens, inner))
            start = end
        return tuple(found)

    def _between(self, start: int, end: int) -> tuple[int, ...]:
        return tuple(p for p, (a, _) in zip(self.positions, self.spans, strict=True) if start <= a < end)

    def find(self, words: str) -> tuple[int, ...]:
        """Positions of all occurrences of a word, or of several words in a row.

        Case and the punctuation around a word do not count ("cat" is found in "A Cat, sleeping"), unless
        `words` has that very punctuation itself.

        Raises:
            InputError: the prompt does not hold them.
        """
        wanted = words.split()
        found: list[int] = []
        for start in range(len(self.words) - len(wanted) + 1 if wanted else 0):
            here = [_meant(w, part) for w, part in zip(self.words[start:], wanted, strict=False)]
            if all(here):
                found += [p for tokens in here for p in tokens]
        if not found:
            raise InputError(f"`word` must be in the prompt `{self.text}`, got `{words}`")
        return tuple(dict.fromkeys(found))


def _meant(word: Word, wanted: str) -> tuple[int, ...]:
    """The tokens of `word` that `wanted` means, or none."""
    if word.text.casefold() == wanted.casefold():
        return word.tokens
    return word.core_tokens if word.core == (wanted.strip(string.punctuation) or wanted).casefold() else ()


def read_prompt(tokenizer: Any, pieces: str | Sequence[str], windows: int = 1) -> PromptTokens:
    """Tokens of a prompt with the places they come from.

    pieces: the plain text, or the stretches of it that are tokenised each by itself (those of a prompt with
    weights). Needs a tokenizer that knows offsets.

    Raises:
        InputError: the prompt does not fit in `windows` windows.
    """
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    start = 0
    pieces = [pieces] if isinstance(pieces, str) else pieces
    for piece in pieces:
        found = tokenizer(piece, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids += found.input_ids
        spans += [(start + a, start + b) for a, b in found.offset_mapping]
        start += len(piece)
    window = int(tokenizer.model_max_length)
    if len(ids) > windows * (window - 2):
        raise InputError(f"`prompt` must have at most {windows * (window - 2)} tokens, got {len(ids)}")
    return PromptTokens("".join(pieces), tuple(ids), tuple(spans), windows, window)
