"""R3GAN's networks (arXiv 2501.05441, section 4): grouped residual blocks, no normalisation."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.zoo.backbones.fir import double, halve
from palitra.zoo.backbones.grid import coarsest
from palitra.zoo.backbones.starting_weights import with_planes
from palitra.zoo.choices import R3GANBackbone

EXPANSION = 2


def widths(choice: R3GANBackbone, levels: int) -> list[int]:
    """Channels from the coarsest to the finest grid: full width up to 32 px, then half per level."""
    full = min(3, levels - choice.taper)
    return [max(choice.group_size, choice.width >> max(0, i - full)) for i in range(levels + 1)]


class GroupedBlock(nn.Module):
    """x + 1x1 (lrelu (grouped 3x3 (lrelu (1x1 x)))); the last starts at 0, so that blocks begin as x."""

    def __init__(self, channels: int, group_size: int, depth: int) -> None:
        super().__init__()
        inner = max(group_size, channels * EXPANSION // group_size * group_size)
        self.wide = nn.Conv2d(channels, inner, 1)
        self.grouped = nn.Conv2d(inner, inner, 3, padding=1, groups=inner // group_size, bias=False)
        self.narrow = nn.Conv2d(inner, channels, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(inner))
        # two convolutions share the scale that fix-up asks for in a stack of blocks (arXiv 1901.09321)
        for conv, fan in ((self.wide, channels), (self.grouped, group_size * 9)):
            nn.init.normal_(conv.weight, 0, math.sqrt(2 / fan) * depth**-0.25)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.wide.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, H, W)."""
        y = self.grouped(F.leaky_relu(self.wide(x), 0.2)) + self.bias.view(1, -1, 1, 1)
        return x + self.narrow(F.leaky_relu(y, 0.2))


class R3GANGenerator(nn.Module):
    """A learned grid modulated by latent and class, then blocks and filtered doublings."""

    def __init__(self, choice: R3GANBackbone, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.latent = choice.latent
        h, w, levels = coarsest(*shape[1:])
        wide = widths(choice, levels)
        self.embedding = nn.Embedding(classes, choice.latent) if classes else None
        self.grid = nn.Parameter(torch.randn(1, wide[0], h, w))
        self.modulate = nn.Linear(choice.latent * (2 if classes else 1), wide[0], bias=False)
        nn.init.normal_(self.modulate.weight, 0, choice.latent**-0.5)
        if self.embedding is not None:
            # weaker than the latent: with equal shares all pictures of a class became one in short trainings
            nn.init.normal_(self.embedding.weight, 0, classes**-0.5)
        depth = (levels + 1) * choice.blocks
        self.stages = nn.ModuleList(
            nn.Sequential(*(GroupedBlock(c, choice.group_size, depth) for _ in range(choice.blocks)))
            for c in wide
        )
        self.joins = nn.ModuleList(
            nn.Identity() if a == b else nn.Conv2d(a, b, 1, bias=False) for a, b in pairwise(wide)
        )
        self.out = nn.Conv2d(wide[-1], shape[0], 1)

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """The pictures."""
        if self.embedding is not None:
            assert labels is not None
            z = torch.cat([z, self.embedding(labels)], 1)
        x = self.grid * self.modulate(z)[:, :, None, None]
        for i, stage in enumerate(self.stages):
            x = stage(x if i == 0 else double(self.joins[i - 1](x)))
        return self.out(x)


class R3GANTrunk(nn.Module):
    """The generator's mirror image; a convolution over the coarsest grid ends it."""

    def __init__(self, choice: R3GANBackbone, shape: tuple[int, int, int], beside: int) -> None:
        super().__init__()
        h, w, levels = coarsest(*shape[1:])
        wide = widths(choice, levels)[::-1]
        depth = (levels + 1) * choice.blocks
        self.from_picture = nn.Conv2d(shape[0] + beside, wide[0], 1)
        self.stages = nn.ModuleList(
            nn.Sequential(*(GroupedBlock(c, choice.group_size, depth) for _ in range(choice.blocks)))
            for c in wide
        )
        self.joins = nn.ModuleList(
            nn.Identity() if a == b else nn.Conv2d(a, b, 1, bias=False) for a, b in pairwise(wide)
        )
        self.last = nn.Conv2d(wide[-1], wide[-1], (h, w), groups=wide[-1], bias=False)
        self.features = wide[-1]

    def forward(self, x: Tensor, beside: Tensor | None) -> Tensor:
        """Features (B, F)."""
        x = self.from_picture(with_planes(x, beside))
        for i, stage in enumerate(self.stages):
            x = stage(x if i == 0 else self.joins[i - 1](halve(x)))
        return self.last(x).flatten(1)
