"""Which tokens of an edit's prompt stand for which of the photo's (Prompt-to-Prompt, arXiv 2208.01626).

An alignment moves the photo's cross-attention map A_s to the edit's tokens. With a transport T (source token
i to target token j) and a mask r of the tokens that have a counterpart, the edited map is

    A = (A_s T) r + A_t (1 - r).

Replacement pairs words one by one and spreads a word over as many tokens as the new one has (section 3.2,
word swap). Refinement finds the tokens that stay by a global alignment and leaves new ones to the edit's
own map. Prompts of several windows are aligned as one text; marks and padding meet their like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.taps.prompt_tokens import PromptTokens

ARTICLES = frozenset(("a", "an", "the"))


@dataclass(frozen=True, eq=False)
class Alignment:
    """transport: T (L, L), source position by target position. taken: r (L,), 1 where a counterpart exists.

    Stacked: (B, L, L) and (B, L), one pair of prompts a row.
    """

    transport: Tensor
    taken: Tensor

    def to(self, device: torch.device) -> Alignment:
        """The same on a device."""
        return Alignment(self.transport.to(device), self.taken.to(device))


def stacked(alignments: Sequence[Alignment]) -> Alignment:
    """Alignments of several pairs of prompts of equal length as one batch."""
    return Alignment(
        torch.stack([a.transport for a in alignments]), torch.stack([a.taken for a in alignments])
    )


def refinement(source: PromptTokens, target: PromptTokens, official: bool = False) -> Alignment:
    """Tokens that both prompts have in the same order keep the photo's map; all others take the edit's own.

    The global alignment (Needleman-Wunsch) counts +1 for equal tokens, -1 for different ones and 0 for a
    gap, so it is a longest common subsequence. Padding meets padding counted from the end mark, and what the
    photo has too little of is the edit's own. official: padding meets what lies at the same position, which
    in the photo's prompt may be a word.
    """
    _check_pair(source, target, official)
    transport = torch.zeros(source.length, target.length)
    for i, j in _aligned(source.ids, target.ids):
        transport[source.positions[i], target.positions[j]] = 1
    _pair(transport, source.marks, target.marks)
    if official:
        rest = range(len(target.ids) + 2, target.length)
        _pair(transport, rest, rest)
    else:
        _pair(transport, source.padding, target.padding)
    return Alignment(transport, (transport.sum(0) > 0).float())


def replacement(source: PromptTokens, target: PromptTokens, official: bool = False) -> Alignment:
    """Word k of the target stands for word k of the source; a word's attention is shared by its new tokens.

    Different words of equally many tokens are paired token by token, else every token of the old word goes
    to every one of the new word's n tokens with weight 1 / n. official: behind the last different word a
    token meets what lies at its own position instead of its counterpart.

    Raises:
        InputError: the prompts differ in their number of words.
    """
    _check_pair(source, target, official)
    if len(source.words) != len(target.words):
        raise InputError(
            f"`target` must have as many words as the source for word replacement, {len(source.words)}, "
            f"got {len(target.words)}"
        )
    transport = torch.zeros(source.length, target.length)
    _pair(transport, source.marks, target.marks)
    _pair(transport, source.padding, target.padding)
    last = 0
    for old, new in zip(source.words, target.words, strict=True):
        if len(old.tokens) == len(new.tokens):
            _pair(transport, old.tokens, new.tokens)
        elif new.tokens:
            for i in old.tokens:
                transport[i, list(new.tokens)] = 1 / len(new.tokens)
        if old.text != new.text:
            last = max(new.tokens, default=last)
    if official and last:
        # the published walk ends where it has run out of the source's positions
        end = target.length - max(0, len(source.ids) - len(target.ids))
        transport[:, last + 1 :] = 0
        rest = range(last + 1, end)
        _pair(transport, rest, rest)
    return Alignment(transport, torch.ones(target.length))


def swapped_words(
    source: PromptTokens, target: PromptTokens
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Positions of the one stretch of words that the target has instead of another, or None.

    None as well where words only came or went, where there are several such places, and where nothing
    differs. Case, punctuation around words and articles do not count.
    """
    old, new = ([w for w in p.words if w.core not in ARTICLES] for p in (source, target))
    matcher = SequenceMatcher(None, [w.core for w in old], [w.core for w in new], autojunk=False)
    changes = [c for c in matcher.get_opcodes() if c[0] != "equal"]
    if len(changes) != 1 or changes[0][0] != "replace":
        return None
    _, a, b, c, d = changes[0]
    was = tuple(p for w in old[a:b] for p in w.core_tokens)
    now = tuple(p for w in new[c:d] for p in w.core_tokens)
    return (was, now) if was and now else None


def at_positions(positions: Sequence[int], length: int, value: float = 1.0, otherwise: float = 0.0) -> Tensor:
    """(L,): `value` at the positions, `otherwise` elsewhere."""
    row = torch.full((length,), otherwise)
    row[list(positions)] = value
    return row


def _check_pair(source: PromptTokens, target: PromptTokens, official: bool) -> None:
    assert source.length == target.length, "both prompts are encoded in equally many windows"
    if official and target.windows > 1:
        count, most = max(len(source.ids), len(target.ids)), target.window - 2
        raise InputError(f"`target` and `source` must have at most {most} tokens as published, got {count}")


def _pair(transport: Tensor, source: Sequence[int], target: Sequence[int]) -> None:
    """One-to-one from the first on, as far as both go."""
    count = min(len(source), len(target))
    transport[list(source[:count]), list(target[:count])] = 1


def _aligned(x: Sequence[int], y: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of equal tokens of a best alignment; of equally good ones a gap in x wins, then one in y."""
    score = [[0] * (len(y) + 1) for _ in range(len(x) + 1)]
    for i, a in enumerate(x, 1):
        above, row = score[i - 1], score[i]
        for j, b in enumerate(y, 1):
            row[j] = max(row[j - 1], above[j], above[j - 1] + (1 if a == b else -1))
    pairs: list[tuple[int, int]] = []
    i, j = len(x), len(y)
    while i and j:
        if score[i][j] == score[i][j - 1]:
            j -= 1
        elif score[i][j] == score[i - 1][j]:
            i -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]
