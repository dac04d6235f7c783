"""Self-attention of SAGAN and BigGAN (arXiv 1805.08318)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Keys and values at half resolution; its share starts at 0, so that it begins as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.out = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, H, W), even sides."""
        b, _, h, w = x.shape
        q = self.query(x).flatten(2)
        k = F.max_pool2d(self.key(x), 2).flatten(2)
        v = F.max_pool2d(self.value(x), 2).flatten(2)
        weights = torch.einsum("bcq,bck->bqk", q, k).float().softmax(2).to(v.dtype)
        mixed = torch.einsum("bqk,bck->bcq", weights, v).view(b, -1, h, w)
        return x + self.share * self.out(mixed)
