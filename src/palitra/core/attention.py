"""What an attention is about to do, and taps that route it.

A tap at a site `….self.attend` or `….cross.attend` stands around the attention: it is handed the
queries, keys and values of all branches and the attention itself, and may call it as often as it
likes, with other rows in any of the three, or not at all. Nothing of size L x L' is made unless a
tap makes it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.rows import Rows
from palitra.core.step import Step


@dataclass(frozen=True, eq=False)
class Attention:
    """Queries (B, H, L, d), keys and values (B, H, L', d); scores are `scale` q k^T.

    `mask` (B, 1 or H, L or 1, L'), where True may be looked at, or None.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    scale: float
    mask: Tensor | None = None

    def changed(
        self, *, q: Tensor | None = None, k: Tensor | None = None, v: Tensor | None = None
    ) -> Attention:
        """The same with other tensors for some of the three."""
        return replace(
            self,
            q=self.q if q is None else q,
            k=self.k if k is None else k,
            v=self.v if v is None else v,
        )

    def probabilities(self) -> Tensor:
        """The map softmax(scale q k^T), (B, H, L, L'), in float32 or wider."""
        scores = self.q @ self.k.transpose(-1, -2) * self.scale
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if self.mask is not None:
            scores = scores.masked_fill(~self.mask, float("-inf"))
        return scores.softmax(-1)


Attend = Callable[[Attention], Tensor]
"""Queries, keys, values -> what they give, (B, H, L, d)."""


def attend(attention: Attention) -> Tensor:
    """The fused attention, (B, H, L, d)."""
    return F.scaled_dot_product_attention(
        attention.q, attention.k, attention.v, attn_mask=attention.mask, scale=attention.scale
    )


class AttentionTap(ABC):
    """Stands around the attentions of `sites`, which all end in `.attend`.

    It is left out of calls that hold none of its `branches`.
    """

    sites: str
    branches: tuple[str, ...] | None = None

    @abstractmethod
    def __call__(self, site: str, attention: Attention, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """What the attention gives, (B, H, L, d); `rows` says which samples belong to which branch."""
