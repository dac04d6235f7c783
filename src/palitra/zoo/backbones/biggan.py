"""BigGAN's networks (arXiv 1809.11096, appendix B)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.zoo.backbones.grid import coarsest
from palitra.zoo.backbones.self_attention import SelfAttention
from palitra.zoo.backbones.starting_weights import start_orthogonal, with_planes
from palitra.zoo.choices import BigGANBackbone


class ConditionalBatchNorm(nn.Module):
    """Gain 1 + A c and bias B c from a vector c (B, E)."""

    def __init__(self, channels: int, conditions: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Linear(conditions, channels, bias=False)
        self.bias = nn.Linear(conditions, channels, bias=False)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """X (B, C, H, W)."""
        return self.norm(x) * (1 + self.gain(c))[:, :, None, None] + self.bias(c)[:, :, None, None]


class UpBlock(nn.Module):
    """Norm, ReLU, doubling, 3 x 3 convolution, twice; a 1 x 1 convolution beside."""

    def __init__(self, inside: int, outside: int, conditions: int) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm(inside, conditions)
        self.norm2 = ConditionalBatchNorm(outside, conditions)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
        self.skip = nn.Conv2d(inside, outside, 1)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """X (B, A, H, W) -> (B, B', 2H, 2W)."""
        h = F.interpolate(self.norm1(x, c).relu(), scale_factor=2)
        h = self.conv2(self.norm2(self.conv1(h), c).relu())
        return h + F.interpolate(self.skip(x), scale_factor=2)


class BigGANGenerator(nn.Module):
    """Each level sees its own chunk of the latent beside the shared class embedding."""

    def __init__(self, choice: BigGANBackbone, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.latent = choice.latent
        self.grid = coarsest(*shape[1:])
        levels = self.grid.levels
        self.chunk = max(1, choice.latent // (levels + 1))
        first = choice.latent - self.chunk * levels
        shared = choice.embedding if classes else 0
        self.embedding = nn.Embedding(classes, choice.embedding) if classes else None
        widths = [choice.width * (4 if levels <= 3 else min(16, 2 ** (levels - i))) for i in range(levels)]
        widths.append(widths[-1] if levels <= 3 else choice.width)
        self.first, self.wide = first, widths[0]
        self.project = nn.Linear(first, widths[0] * self.grid.height * self.grid.width)
        self.blocks = nn.ModuleList(
            UpBlock(widths[i], widths[i + 1], self.chunk + shared) for i in range(levels)
        )
        # before the last doubling: half the picture's side
        self.attention = SelfAttention(widths[levels - 1]) if choice.attention and levels > 1 else None
        self.norm = nn.BatchNorm2d(widths[-1])
        self.out = nn.Conv2d(widths[-1], shape[0], 3, padding=1)
        start_orthogonal(self)

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """The pictures."""
        chunks = z[:, self.first :].split(self.chunk, 1)
        shared = None
        if self.embedding is not None:
            assert labels is not None
            shared = self.embedding(labels)
        x = self.project(z[:, : self.first]).view(-1, self.wide, self.grid.height, self.grid.width)
        for i, block in enumerate(self.blocks):
            if self.attention is not None and i == len(self.blocks) - 1:
                x = self.attention(x)
            x = block(x, chunks[i] if shared is None else torch.cat([chunks[i], shared], 1))
        return self.out(self.norm(x).relu()).tanh()


class DownBlock(nn.Module):
    """(ReLU, 3 x 3 convolution) twice and average pooling; a 1 x 1 convolution beside."""

    def __init__(self, inside: int, outside: int, down: bool, first: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
        self.skip = nn.Conv2d(inside, outside, 1) if down or inside != outside else None
        self.down, self.first = down, first

    def forward(self, x: Tensor) -> Tensor:
        """X (B, A, H, W) -> half the sides where `down`."""
        h = self.conv2(self.conv1(x if self.first else x.relu()).relu())
        x = x if self.skip is None else self.skip(x)
        return F.avg_pool2d(h + x, 2) if self.down else h + x


class BigGANTrunk(nn.Module):
    """Up to 32 px four blocks of one width, two halving; above it widths that double to the coarsest grid."""

    def __init__(self, choice: BigGANBackbone, shape: tuple[int, int, int], beside: int) -> None:
        super().__init__()
        levels = coarsest(*shape[1:]).levels
        if levels <= 3:
            widths, downs = [choice.width * 2] * 4, [i < min(2, levels) for i in range(4)]
        else:
            widths = [choice.width * min(16, 2**i) for i in range(levels)]
            downs = [True] * levels
        ins = [shape[0] + beside, *widths[:-1]]
        self.blocks = nn.ModuleList(
            DownBlock(a, b, d, i == 0) for i, (a, b, d) in enumerate(zip(ins, widths, downs, strict=True))
        )
        self.attention = SelfAttention(widths[0]) if choice.attention and levels > 1 else None
        self.features = widths[-1]
        start_orthogonal(self)

    def forward(self, x: Tensor, beside: Tensor | None) -> Tensor:
        """Features (B, F): the sum over all places."""
        x = with_planes(x, beside)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == 0 and self.attention is not None:
                x = self.attention(x)
        return x.relu().sum((2, 3))
