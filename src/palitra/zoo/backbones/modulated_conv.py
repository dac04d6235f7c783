"""Modulated convolution with demodulation (StyleGAN2, arXiv 1912.04958, section 2.2)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.zoo.backbones.equalised import EqualLinear


class ModulatedConv(nn.Module):
    """A style (B, W) scales the input channels of the kernel; demodulation brings outputs back to unit size.

    Inputs are scaled before and outputs after one shared convolution, which equals a kernel per sample.
    """

    def __init__(self, inside: int, outside: int, kernel: int, style: int, demodulate: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.style = EqualLinear(style, inside, bias=1.0)
        self.gain, self.demodulate = 1 / math.sqrt(inside * kernel**2), demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """X (B, inside, H, W), w (B, style)."""
        style, weight = self.style(w), self.weight * self.gain
        y = F.conv2d(x * style[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            power = style.float().square() @ weight.float().square().sum((2, 3)).t()
            y = y * (power + 1e-8).rsqrt()[:, :, None, None].to(y.dtype)
        return y + self.bias.view(1, -1, 1, 1)
