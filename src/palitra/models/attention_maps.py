"""Attention that can be looked into: used only where a tap wants its map or stands around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from palitra.core.attention import Attend, Attention, attend


class TappedAttention:
    """Attention processor that hands the attention to `route` and its map to `see`.

    route: around the attention, as taps at `attend` sites. see: reads and changes the (B, heads, L, L')
    map; only with it is the map made: heads * L * L' values per sample, 4096^2 * 8 at the finest level
    of SD 1.x. With neither it is the fused attention.
    """

    def __init__(
        self,
        see: Callable[[Tensor], Tensor] | None = None,
        route: Callable[[Attention, Attend], Tensor] | None = None,
    ) -> None:
        self.see, self.route = see, route

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
        mask = None if attention_mask is None else attention_mask.unflatten(0, (len(q), -1)) > _HIDDEN
        attention = Attention(q, k, v, attn.scale, mask)
        inner = attend if self.see is None else self._explicit(bool(attn.upcast_attention))
        out = inner(attention) if self.route is None else self.route(attention, inner)
        out = attn.to_out[1](attn.to_out[0](out.transpose(1, 2).flatten(2)))
        if attn.residual_connection:
            out = out + hidden_states
        return torch.as_tensor(out / attn.rescale_output_factor)

    def _explicit(self, upcast: bool) -> Attend:
        """The attention by its map, which `see` may change."""
        see = self.see
        assert see is not None

        def by_map(attention: Attention) -> Tensor:
            # products of SD 2.1 overflow half precision
            wide = attention.changed(q=attention.q.float(), k=attention.k.float()) if upcast else attention
            return see(wide.probabilities().to(attention.v.dtype)) @ attention.v

        return by_map


_HIDDEN = -1e3
"""Additive masks of transformers hold 0 or something below -10,000."""


@contextmanager
def tapped_attention(
    attn: Any,
    see: Callable[[Tensor], Tensor] | None = None,
    route: Callable[[Attention, Attend], Tensor] | None = None,
) -> Iterator[None]:
    """Let `see` into the map of one attention and `route` stand around it, while the context lasts."""
    # the attribute itself, because set_processor would drop parameters of stateful processors
    kept = attn.processor
    attn.processor = TappedAttention(see, route)
    try:
        yield
    finally:
        attn.processor = kept
