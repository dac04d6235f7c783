"""Conditional StyleGAN2 (arXiv 1912.04958; the conditional form of arXiv 2006.06676), in plain operations."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from palitra.zoo.backbones.equalised import EqualConv, EqualLinear, activated, unit_moment
from palitra.zoo.backbones.fir import double, halve
from palitra.zoo.backbones.grid import coarsest
from palitra.zoo.backbones.modulated_conv import ModulatedConv
from palitra.zoo.backbones.starting_weights import with_planes
from palitra.zoo.choices import StyleGAN2Backbone


def widths(choice: StyleGAN2Backbone, side: int, levels: int) -> list[int]:
    """Channels from the coarsest to the finest grid."""
    return [min(choice.capacity // (side * 2**i), choice.width) for i in range(levels + 1)]


class Mapping(nn.Module):
    """Latent and class embedding, each of unit size, through slow fully connected layers."""

    mean_style: Tensor

    def __init__(self, latent: int, classes: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, latent) if classes else None
        sizes = [latent * (2 if classes else 1), *[latent] * layers]
        self.layers = nn.ModuleList(EqualLinear(a, b, rate=0.01) for a, b in pairwise(sizes))
        self.register_buffer("mean_style", torch.zeros(latent))

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Styles (B, latent)."""
        w = unit_moment(z)
        if self.embedding is not None:
            assert labels is not None
            w = torch.cat([w, unit_moment(self.embedding(labels))], 1)
        for layer in self.layers:
            w = activated(layer(w))
        if self.training:
            self.mean_style.lerp_(w.detach().float().mean(0), 0.005)
        return w


class SynthesisLayer(nn.Module):
    """Modulated 3 x 3 convolution with noise; the noise of evaluation is fixed."""

    def __init__(self, inside: int, outside: int, style: int, height: int, width: int, up: bool) -> None:
        super().__init__()
        self.conv, self.up = ModulatedConv(inside, outside, 3, style), up
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(1, 1, height, width))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """X (B, inside, h, w) -> (B, outside, H, W)."""
        x = self.conv(double(x) if self.up else x, w)
        noise = torch.randn_like(x[:, :1]) if self.training else self.get_buffer("noise")
        return activated(x + self.strength * noise)


class StyleGAN2Generator(nn.Module):
    """A learned constant grown by styles, every level adding to the picture."""

    def __init__(self, choice: StyleGAN2Backbone, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.latent = choice.latent
        h, w, levels = coarsest(*shape[1:])
        wide = widths(choice, h, levels)
        self.mapping = Mapping(choice.latent, classes, choice.mapping_layers)
        self.constant = nn.Parameter(torch.randn(1, wide[0], h, w))
        self.layers, self.to_picture = nn.ModuleList(), nn.ModuleList()
        for i in range(levels + 1):
            size = (h * 2**i, w * 2**i)
            parts = [] if i == 0 else [SynthesisLayer(wide[i - 1], wide[i], choice.latent, *size, up=True)]
            parts.append(SynthesisLayer(wide[i], wide[i], choice.latent, *size, up=False))
            self.layers.append(nn.ModuleList(parts))
            self.to_picture.append(ModulatedConv(wide[i], shape[0], 1, choice.latent, demodulate=False))

    def forward(self, z: Tensor, labels: Tensor | None, truncation: float = 1.0) -> Tensor:
        """The pictures; truncation below 1 pulls styles to their mean."""
        style = self.mapping(z, labels)
        if truncation < 1:
            style = torch.lerp(self.mapping.mean_style.to(style.dtype), style, truncation)
        x = self.constant.expand(len(z), -1, -1, -1)
        picture: Tensor | None = None
        for layers, to_picture in zip(self.layers, self.to_picture, strict=True):
            assert isinstance(layers, nn.ModuleList)
            for layer in layers:
                x = layer(x, style)
            seen = to_picture(x, style)
            picture = seen if picture is None else double(picture) + seen
        assert picture is not None
        return picture


class StyleGAN2Trunk(nn.Module):
    """Residual blocks that halve, the minibatch deviation, and one wide layer."""

    def __init__(self, choice: StyleGAN2Backbone, shape: tuple[int, int, int], beside: int) -> None:
        super().__init__()
        h, w, levels = coarsest(*shape[1:])
        wide = widths(choice, h, levels)[::-1]
        self.from_picture = EqualConv(shape[0] + beside, wide[0], 1)
        pairs = list(pairwise(wide))
        self.first = nn.ModuleList(EqualConv(a, a, 3) for a, _ in pairs)
        self.second = nn.ModuleList(EqualConv(a, b, 3) for a, b in pairs)
        self.skips = nn.ModuleList(EqualConv(a, b, 1) for a, b in pairs)
        self.last = EqualConv(wide[-1] + 1, wide[-1], 3)
        self.features = wide[-1]
        self.wide = EqualLinear(wide[-1] * h * w, wide[-1])

    def forward(self, x: Tensor, beside: Tensor | None) -> Tensor:
        """Features (B, F)."""
        x = activated(self.from_picture(with_planes(x, beside)))
        for first, second, skip in zip(self.first, self.second, self.skips, strict=True):
            h = activated(halve(second(activated(first(x)))))
            x = (h + skip(halve(x))) * 0.5**0.5
        x = activated(self.last(with_deviation(x)))
        return activated(self.wide(x.flatten(1)))


def with_deviation(x: Tensor, group: int = 4) -> Tensor:
    """One more channel: the mean deviation within groups of the batch (arXiv 1710.10196, section 3)."""
    b = len(x)
    size = next(g for g in range(min(group, b), 0, -1) if b % g == 0)
    groups = x.float().view(size, b // size, *x.shape[1:])
    deviation = ((groups - groups.mean(0)).square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))
    plane = deviation.repeat(size).view(b, 1, 1, 1).expand(b, 1, *x.shape[2:])
    return torch.cat([x, plane.to(x.dtype)], 1)
