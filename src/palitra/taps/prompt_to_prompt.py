"""Prompt-to-Prompt (arXiv 2208.01626): the edit keeps the photo's attention maps, by routing alone.

All its edits of cross-attention are linear in the maps, so they need none: with gates a and weights e of the
target's tokens, transport T and counterparts r of an alignment,

    out = softmax(q_s k_s') T (a e v_t) + softmax(q_t k_t') (((1 - r) a e + 1 - a) v_t),

which is word swap and refinement (section 3.2), re-weighting on top of either, and any mixture of them by
word and step. Self-attention maps of the photo are softmax(q_s k_s') v_t. Only the conditional half of the
edit is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from palitra.core.attention import Attend, Attention, AttentionTap
from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.errors import ComposeError, InputError, check_range
from palitra.models.unet_sites import side_share
from palitra.taps.prompt_tokens import PromptTokens
from palitra.taps.word_alignment import Alignment, at_positions

Shares = float | tuple[float, float]
"""Shares of the steps between which something is on; one number is where it ends."""


def token_gates(
    prompt: PromptTokens, count: int, shares: Shares, words: Mapping[str, Shares] | None = None
) -> Tensor:
    """When each token of the target takes the photo's map: (count + 1, L), 1 or 0.

    shares: of all tokens; `words` have shares of their own. Step i is on where
    int(a (count + 1)) <= i < int(b (count + 1)), as published: 0.4 of 50 steps is steps 0 to 19.

    Raises:
        InputError: shares outside [0, 1] or out of order, or a word that the prompt does not hold.
    """
    gates = _lasting(count + 1, shares)[:, None].repeat(1, prompt.length)
    for word, own in (words or {}).items():
        gates[:, list(prompt.find(word))] = _lasting(count + 1, own)[:, None]
    return gates


def _lasting(count: int, shares: Shares) -> Tensor:
    first, last = step_range(count, shares)
    index = torch.arange(count)
    return ((index >= first) & (index < last)).float()


def step_range(count: int, shares: Shares) -> tuple[int, int]:
    """The first step of `count` that is on, and the first that is off again.

    Raises:
        InputError: shares outside [0, 1] or out of order.
    """
    since, until = shares if isinstance(shares, tuple) else (0.0, shares)
    check_range("since", since, 0, 1)
    check_range("until", until, since, 1)
    # a product that rounding left just below a whole step is that step
    return int(since * count + 1e-9), int(until * count + 1e-9)


def equaliser(prompt: PromptTokens, words: Mapping[str, float]) -> Tensor:
    """How much each token's edited map counts, (L,): a word's weight at its tokens, 1 elsewhere.

    Raises:
        InputError: a word that the prompt does not hold.
    """
    weights = torch.ones(prompt.length)
    for word, weight in words.items():
        weights = weights * at_positions(prompt.find(word), prompt.length, weight, 1.0)
    return weights


class CrossAttentionEdit(AttentionTap):
    """Gives the target the photo's cross-attention by an alignment of their prompts.

    alignment: of B rows, (B, L, L) and (B, L). gates: (B, steps + 1, L). weights: (B, L), 1 unless given.
    Every row may be another edit. Cost: the fused attention, with as many more rows as there are edits
    while a gate is open.

    Raises:
        InputError: tables that do not fit each other.
    """

    def __init__(
        self,
        alignment: Alignment,
        gates: Tensor,
        weights: Tensor | None = None,
        sites: str = "*.cross.attend",
        source: str = "source",
        target: str = "target",
    ) -> None:
        rows, length = alignment.taken.shape
        if gates.dim() != 3 or (len(gates), gates.shape[2]) != (rows, length):
            raise InputError(f"`gates` must have the shape ({rows}, steps + 1, {length}), got {gates.shape}")
        weights = torch.ones_like(alignment.taken) if weights is None else weights
        if weights.shape != alignment.taken.shape:
            raise InputError(f"`weights` must have the shape ({rows}, {length}), got {tuple(weights.shape)}")
        self.sites, self.source, self.target = sites, source, target
        self.branches = (source, target)
        gated = gates * weights[:, None]
        left = (1 - alignment.taken)[:, None] * gated + 1 - gates
        self.transport, self.gated, self.left = alignment.transport, gated, left
        # asked on the CPU, so that a step waits for no device
        self.open = [bool(g) for g in (gates != 0).any(2).any(0).tolist()]

    def __call__(self, site: str, attention: Attention, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """Run the photo's maps over the mixed values beside the attention, and add them in."""
        if not self.open[step.index]:
            return attend(attention)
        if self.target not in rows.here:
            _leave(self.source, site, attention, rows, step)
            return attend(attention)
        here = rows.here[self.target]
        q, k = _photo(self.source, site, attention, rows, step)
        v = attention.v[here]
        assert v.shape[2] == self.gated.shape[2], "tables are as long as the prompt's text states"
        carried, left = (table[:, step.index, None, :, None].to(v) for table in (self.gated, self.left))
        own = attention.v.clone()
        own[here] = left * v
        moved = self.transport.to(v)[:, None] @ (carried * v)
        mask = attention.mask
        if mask is not None:
            # the photo's prompt is as long as the edit's, and so is what of it may be looked at
            mask = torch.cat([mask, mask[rows.here.get(self.source, here)]])
        both = replace(
            attention,
            q=torch.cat([attention.q, q]),
            k=torch.cat([attention.k, k]),
            v=torch.cat([own, moved]),
            mask=mask,
        )
        out = attend(both)
        total = len(attention.q)
        made = out[:total].clone()
        made[here] += out[total:]
        return made


def coarse_self_attentions(sites: Iterable[str], largest: float = 0.5) -> str:
    """Pattern of the self-attentions of at most `largest` of the latent's side.

    One half is the published setting for photos, 32 x 32 of SD 1.x; the first code has one quarter.
    """
    every = list(sites)
    wanted = [s for s in every if s.endswith(".self.attend") and side_share(s, every) <= largest]
    return "|".join(wanted)


class SelfAttentionReplacement(AttentionTap):
    """The photo's self-attention maps over the edit's values while `shares` of the steps last.

    Step i is on where int(a n) <= i < int(b n). Costs nothing: other rows of the same fused attention.

    Raises:
        InputError: shares outside [0, 1] or out of order.
    """

    def __init__(self, sites: str, shares: Shares, source: str = "source", target: str = "target") -> None:
        step_range(1, shares)
        self.sites, self.shares, self.source, self.target = sites, shares, source, target
        self.branches = (source, target)

    def __call__(self, site: str, attention: Attention, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """Run the target's values under the photo's queries and keys."""
        first, last = step_range(step.count, self.shares)
        if not first <= step.index < last:
            return attend(attention)
        if self.target not in rows.here:
            _leave(self.source, site, attention, rows, step)
            return attend(attention)
        q, k = attention.q.clone(), attention.k.clone()
        here = rows.here[self.target]
        q[here], k[here] = _photo(self.source, site, attention, rows, step)
        return attend(attention.changed(q=q, k=k))


def _leave(source: str, site: str, attention: Attention, rows: Rows, step: Step) -> None:
    """Keep the photo's queries and keys for a target that runs in a later call of the step."""
    if source in rows.here:
        here = rows.here[source]
        step.seen[source, f"{site} q"], step.seen[source, f"{site} k"] = attention.q[here], attention.k[here]


def _photo(source: str, site: str, attention: Attention, rows: Rows, step: Step) -> tuple[Tensor, Tensor]:
    """The photo's queries and keys.

    Raises:
        ComposeError: no guider runs the photo in this step.
    """
    if source not in rows.here and (source, f"{site} q") not in step.seen:
        raise ComposeError(
            f"Prompt-to-Prompt reads the branch `{source}`, which no guider runs in step {step.index}"
        )
    return (
        rows.get(source, f"{site} q", attention.q, step),
        rows.get(source, f"{site} k", attention.k, step),
    )
