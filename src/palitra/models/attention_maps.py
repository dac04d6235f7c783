"""Attention that shows its map: used only where a tap wants a `probs` site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


class MapAttention:
    """Attention processor that materialises the (B, heads, L, L') map and lets `see` change it.

    Memory: heads * L * L' values per sample; 4096^2 * 8 at the finest level of SD 1.x.
    """

    def __init__(self, see: Callable[[Tensor], Tensor]) -> None:
        self.see = see

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """hidden_states (B, L, C) -> (B, L, C), as transformer blocks of U-Nets call it."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if encoder_hidden_states is not None and attn.norm_cross:
            context = attn.norm_encoder_hidden_states(context)
        q, k, v = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        q, k, v = (z.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for z in (q, k, v))
        if attn.upcast_attention:
            # products of SD 2.1 overflow half precision
            q, k = q.float(), k.float()
        scores = q @ k.transpose(-1, -2) * attn.scale
        if attention_mask is not None:
            scores = scores + attention_mask.unflatten(0, (len(q), -1))
        probs = self.see(scores.float().softmax(-1).to(v.dtype))
        out = (probs @ v).transpose(1, 2).flatten(2)
        out = attn.to_out[1](attn.to_out[0](out))
        if attn.residual_connection:
            out = out + hidden_states
        return torch.as_tensor(out / attn.rescale_output_factor)


@contextmanager
def tapped_attention(attn: Any, see: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let `see` read and change the map of one attention while the context lasts."""
    # the attribute itself, because set_processor would drop parameters of stateful processors
    kept = attn.processor
    attn.processor = MapAttention(see)
    try:
        yield
    finally:
        attn.processor = kept
