"""Which words a wish adds to what the photo shows, and which it takes away."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from palitra.taps.prompt_tokens import PromptTokens, Word
from palitra.taps.word_alignment import ARTICLES


def differing_words(source: PromptTokens, target: PromptTokens) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Token positions of the words that only the source has, and of those that only the target has.

    The words are aligned in their order; case, punctuation around words and articles do not count. Without
    a source all words of the target are new.
    """
    old, new = ([w for w in p.words if w.core not in ARTICLES] for p in (source, target))
    matcher = SequenceMatcher(None, [w.core for w in old], [w.core for w in new], autojunk=False)
    changes = [c for c in matcher.get_opcodes() if c[0] != "equal"]
    gone = [word for _, start, end, _, _ in changes for word in old[start:end]]
    come = [word for _, _, _, start, end in changes for word in new[start:end]]
    return _tokens(gone), _tokens(come)


def _tokens(words: Sequence[Word]) -> tuple[int, ...]:
    return tuple(p for word in words for p in word.core_tokens)
