"""The residual U-Net of diffusion models (arXiv 2006.11239; scale-shift time features of 2102.09672)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.errors import InputError
from palitra.zoo.choices import UNetBackbone

HEAD = 32


def time_features(t: Tensor, width: int) -> Tensor:
    """Cosines and sines (B, width) of t (B,) at geometric frequencies."""
    frequencies = torch.exp(-math.log(10000) * torch.arange(width // 2, device=t.device) / (width // 2))
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], 1)


def group_norm(channels: int) -> nn.GroupNorm:
    """At most 32 groups of at least 4 channels."""
    return nn.GroupNorm(math.gcd(32, max(1, channels // 4)), channels)


class ResidualBlock(nn.Module):
    """Two convolutions; time and class scale and shift between them; the second starts at 0."""

    def __init__(self, inside: int, outside: int, features: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = group_norm(inside), group_norm(outside)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
        self.shift = nn.Linear(features, 2 * outside)
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """X (B, C, H, W), features (B, F) of time and class."""
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.shift(features)[:, :, None, None].chunk(2, 1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(self.dropout(F.silu(h)))


class AttentionBlock(nn.Module):
    """Self-attention over all places, heads of about 32 channels; its output starts at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // HEAD)
        while channels % self.heads:
            self.heads -= 1
        self.norm = group_norm(channels)
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, H, W)."""
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, 3, self.heads, c // self.heads, h * w).unbind(1)
        # explicit products: the fused kernel's backward is slow on CPUs
        weights = (q.transpose(2, 3) @ k / math.sqrt(q.shape[2])).float().softmax(3).to(v.dtype)
        return x + self.out((v @ weights.transpose(2, 3)).reshape(b, c, h, w))


class Level(nn.Module):
    """Blocks of one resolution, each followed by attention where chosen."""

    def __init__(self, ins: list[int], width: int, features: int, attention: bool, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(i, width, features, dropout) for i in ins)
        self.attention = nn.ModuleList(AttentionBlock(width) if attention else nn.Identity() for _ in ins)


class UNet(nn.Module):
    """picture (B, C, H, W), time features' argument (B,), labels (B,) -> (B, C, H, W).

    Class number `classes` stands for "no class". Sides must be multiples of patch x 2^(levels - 1).
    """

    def __init__(self, choice: UNetBackbone, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        step = choice.patch * 2 ** (len(choice.multipliers) - 1)
        if shape[1] % step or shape[2] % step:
            raise InputError(
                f"`size` must be a multiple of {step} for {len(choice.multipliers)} levels and patches of "
                f"{choice.patch}, got {shape[1]} x {shape[2]}"
            )
        width, features = choice.width, choice.width * 4
        self.width, self.classes = width, classes
        self.time = nn.Sequential(nn.Linear(width, features), nn.SiLU(), nn.Linear(features, features))
        self.label = nn.Embedding(classes + 1, features) if classes else None
        self.patch, channels = choice.patch, shape[0] * choice.patch**2
        self.begin = nn.Conv2d(channels, width, 3, padding=1)
        wide = [width * m for m in choice.multipliers]
        self.downs, self.ups, self.halves, self.doubles = (nn.ModuleList() for _ in range(4))
        kept, now = [width], width
        for i, (c, attend) in enumerate(zip(wide, choice.attention, strict=True)):
            ins = [now] + [c] * (choice.blocks - 1)
            self.downs.append(Level(ins, c, features, attend, choice.dropout))
            kept += [c] * choice.blocks
            now = c
            if i < len(wide) - 1:
                self.halves.append(nn.Conv2d(c, c, 3, 2, 1))
                kept.append(c)
        self.middle = Level([now, now], now, features, any(choice.attention), choice.dropout)
        for i, (c, attend) in reversed(list(enumerate(zip(wide, choice.attention, strict=True)))):
            ins = []
            for _ in range(choice.blocks + 1):
                ins.append(now + kept.pop())
                now = c
            self.ups.append(Level(ins, c, features, attend, choice.dropout))
            if i > 0:
                self.doubles.append(nn.Conv2d(c, c, 3, padding=1))
        self.norm, self.end = group_norm(now), nn.Conv2d(now, channels, 3, padding=1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        """The prediction."""
        features = self.time(time_features(t, self.width))
        if self.label is not None:
            assert labels is not None
            features = features + self.label(labels)
        features = F.silu(features)
        x = self.begin(F.pixel_unshuffle(x, self.patch))
        kept = [x]
        for i, level in enumerate(self.downs):
            for block, attention in zip(level.blocks, level.attention, strict=True):  # type: ignore[arg-type]
                x = attention(block(x, features))
                kept.append(x)
            if i < len(self.halves):
                x = self.halves[i](x)
                kept.append(x)
        assert isinstance(self.middle, Level)
        for block, attention in zip(self.middle.blocks, self.middle.attention, strict=True):
            x = attention(block(x, features))
        for i, level in enumerate(self.ups):
            for block, attention in zip(level.blocks, level.attention, strict=True):  # type: ignore[arg-type]
                x = attention(block(torch.cat([x, kept.pop()], 1), features))
            if i < len(self.doubles):
                x = self.doubles[i](F.interpolate(x, scale_factor=2))
        return F.pixel_shuffle(self.end(F.silu(self.norm(x))), self.patch)
