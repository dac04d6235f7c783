"""How far a branch's self-attention maps are from a reference's, without making either map.

E_l = mean over heads and both token axes of (A_l - A*_l)^2, A = softmax(s Q K'), per sample: the
self-attention energy of Guide-and-Rescale (arXiv 2409.01322, section 4.2). A map of the finest level of
SD 1.x has 8 x 4096^2 values, 512 MiB in float32, and the usual way keeps it, its reference and their
difference for the backward pass. Here rows of both maps are made, used and dropped in chunks, in the
backward pass only, which needs no value of the energy:

    dP = dO V' + (2 c / (H N^2)) (P - P*),  dS = P (dP - rowsum(P dP)),
    dQ = s dS K,  dK = s dS' Q,  dV = P' dO,  with c the gradient of the energy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from palitra.core.attention import Attend, Attention, AttentionTap, attend
from palitra.core.rows import Rows
from palitra.core.step import Step

CHUNK = 2**22
"""Values of a map that are held at once."""


class _Streamed(torch.autograd.Function):
    """(q, k, v, q*, k*) -> what the attention gives, and zeros (B,) whose gradient is the energy's."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, q_ref: Tensor, k_ref: Tensor, scale: float
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(q, k, v, q_ref, k_ref)
        ctx.scale = scale
        return attend(Attention(q, k, v, scale)), q.new_zeros(len(q), dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, q_ref, k_ref = ctx.saved_tensors
        d_out, c = grads
        _, heads, length, _ = q.shape
        wide = torch.promote_types(q.dtype, torch.float32)
        pull = (2 * c.to(wide) / (heads * length * k.shape[-2])).view(-1, 1, 1, 1)
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for rows in _chunks(len(q) * heads * k.shape[-2], length):
            p = _map_rows(q[:, :, rows], k, ctx.scale)
            d_p = (d_out[:, :, rows] @ v.transpose(-1, -2)).to(p.dtype)
            d_p += pull * (p - _map_rows(q_ref[:, :, rows], k_ref, ctx.scale))
            d_s = (p * (d_p - (p * d_p).sum(-1, keepdim=True)) * ctx.scale).to(q.dtype)
            dq[:, :, rows] = d_s @ k
            dk += d_s.transpose(-1, -2) @ q[:, :, rows]
            dv += p.to(v.dtype).transpose(-1, -2) @ d_out[:, :, rows]
        return dq, dk, dv, None, None, None


def _map_rows(q: Tensor, k: Tensor, scale: float) -> Tensor:
    return Attention(q, k, k, scale).probabilities()


def _chunks(values_per_row: int, length: int) -> list[slice]:
    """Ranges of query rows that hold about `CHUNK` values of a map."""
    size = max(1, CHUNK // values_per_row)
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def attention_and_distance(attention: Attention, q_ref: Tensor, k_ref: Tensor) -> tuple[Tensor, Tensor]:
    """What the attention gives, (B, H, L, d), and per-sample zeros (B,) that carry the energy's gradient.

    The value of the energy is not computed: only its gradient steers. Memory O(B H chunk L') instead of
    O(B H L L'); cost one fused forward, and a backward that makes each map once more.
    """
    made: tuple[Tensor, Tensor] = _Streamed.apply(
        attention.q, attention.k, attention.v, q_ref, k_ref, attention.scale
    )
    return made


def attention_and_explicit_distance(
    attention: Attention, q_ref: Tensor, k_ref: Tensor
) -> tuple[Tensor, Tensor]:
    """The same by whole maps, with the energy's value: the definition, and what autograd makes of it."""
    maps = attention.probabilities()
    reference = _map_rows(q_ref, k_ref, attention.scale)
    return maps.to(attention.v.dtype) @ attention.v, (maps - reference).square().mean((1, 2, 3)).float()


Reference = Callable[[str, Step], Tensor]
"""Site, step -> the reference's value there, (B, L, H d)."""


class AttentionDistance(AttentionTap):
    """Leaves the energy of each attention of `sites` in `step.seen[branch, site]`, (B,).

    reference: gives the queries and keys of the picture to stay near to, by their sites. explicit:
    make whole maps, as the energy is defined.
    """

    def __init__(self, sites: str, branch: str, reference: Reference, explicit: bool = False) -> None:
        self.sites, self.branch, self.reference = sites, branch, reference
        self.branches = (branch,)
        self.distance = attention_and_explicit_distance if explicit else attention_and_distance

    def __call__(self, site: str, attention: Attention, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """Run the branch's rows with their energy; other rows as they are."""
        stem = site.removesuffix("attend")
        heads = attention.q.shape[1]
        q_ref, k_ref = (
            self.reference(f"{stem}{part}", step).to(attention.q).unflatten(-1, (heads, -1)).transpose(1, 2)
            for part in ("q", "k")
        )
        here = rows.here[self.branch]
        mine = Attention(attention.q[here], attention.k[here], attention.v[here], attention.scale)
        out, step.seen[self.branch, site] = self.distance(mine, q_ref, k_ref)
        if len(out) == len(attention.q):
            return out
        whole = attend(attention).clone()
        whole[here] = out
        return whole
