"""Minibatch discrimination (arXiv 1606.03498, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

ROWS = 64


class MinibatchDiscrimination(nn.Module):
    """Appends to features (B, F) how close each is to the others of its batch: (B, F + kernels)."""

    def __init__(self, features: int, kernels: int = 50, width: int = 5) -> None:
        super().__init__()
        self.kernels, self.width = kernels, width
        self.tensor = nn.Parameter(torch.randn(features, kernels * width) * 0.05)
        # closeness starts near 0 rather than near the batch size
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))

    def forward(self, features: Tensor) -> Tensor:
        """Real and generated pictures come in calls of their own."""
        return torch.cat([features, self.closeness(features) + self.bias], 1)

    def closeness(self, features: Tensor) -> Tensor:
        """Sums over the other samples of exp(-L1 distance), (B, kernels); rows in chunks to bound memory."""
        m = (features.float() @ self.tensor.float()).view(-1, self.kernels, self.width)
        sums = [torch.exp(-(rows[:, None] - m[None]).abs().sum(3)).sum(1) for rows in m.split(ROWS)]
        # every sample is at distance 0 of itself and adds exactly 1
        return torch.cat(sums) - 1
