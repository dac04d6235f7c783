"""Layers with an equalised learning rate: weights N(0, 1), scaled as they are used (arXiv 1710.10196)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EqualLinear(nn.Module):
    """Linear layer; `rate` slows its learning (the mapping network takes 0.01)."""

    def __init__(self, inside: int, outside: int, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside) / rate)
        self.bias = nn.Parameter(torch.full((outside,), bias / rate))
        self.gain, self.rate = rate / math.sqrt(inside), rate

    def forward(self, x: Tensor) -> Tensor:
        """X (B, inside)."""
        return F.linear(x, self.weight * self.gain, self.bias * self.rate)


class EqualConv(nn.Module):
    """Convolution with the same size out as in."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.gain = 1 / math.sqrt(inside * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        """X (B, inside, H, W)."""
        return F.conv2d(x, self.weight * self.gain, self.bias, padding=self.weight.shape[-1] // 2)


def activated(x: Tensor) -> Tensor:
    """LeakyReLU 0.2 that keeps the variance."""
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def unit_moment(x: Tensor) -> Tensor:
    """Divide rows (B, D) by the root of their mean square."""
    return x * (x.float().square().mean(1, keepdim=True) + 1e-8).rsqrt().to(x.dtype)
