"""Encoder and decoder of the (conditional) variational autoencoder (arXiv 1312.6114)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.zoo.backbones.grid import coarsest
from palitra.zoo.backbones.starting_weights import with_planes
from palitra.zoo.choices import VAEBackbone


class Encoder(nn.Module):
    """Picture and class -> mean and log variance (B, Z); log variances are kept in [-10, 10]."""

    def __init__(self, choice: VAEBackbone, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        h, w, levels = coarsest(*shape[1:])
        self.classes, inside = classes, shape[0] + classes
        layers: list[nn.Module] = []
        for i in range(levels):
            width = choice.width * 2 ** min(i, 3)
            layers += [nn.Conv2d(inside, width, 4, 2, 1), nn.GroupNorm(4, width), nn.SiLU()]
            inside = width
        self.layers = nn.Sequential(*layers)
        self.out = nn.Linear(inside * h * w, 2 * choice.latent)

    def forward(self, x: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """The posterior's moments."""
        beside = one_hot(labels, self.classes)
        mean, log_variance = self.out(self.layers(with_planes(x, beside)).flatten(1)).float().chunk(2, 1)
        return mean, log_variance.clamp(-10, 10)


class Decoder(nn.Module):
    """Latent (B, Z) and class -> the picture's mean in (-1, 1); doubling by nearest neighbours."""

    def __init__(self, choice: VAEBackbone, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.grid, self.classes = coarsest(*shape[1:]), classes
        levels = self.grid.levels
        widths = [choice.width * 2 ** min(levels - 1 - i, 3) for i in range(levels)]
        self.project = nn.Linear(choice.latent + classes, widths[0] * self.grid.height * self.grid.width)
        layers: list[nn.Module] = []
        for a, b in zip(widths, [*widths[1:], choice.width], strict=True):
            layers += [
                nn.GroupNorm(4, a),
                nn.SiLU(),
                nn.Upsample(scale_factor=2),
                nn.Conv2d(a, b, 3, padding=1),
            ]
        layers += [nn.GroupNorm(4, choice.width), nn.SiLU(), nn.Conv2d(choice.width, shape[0], 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """The pictures."""
        beside = one_hot(labels, self.classes)
        x = self.project(z if beside is None else torch.cat([z, beside], 1))
        return self.layers(x.view(len(z), -1, self.grid.height, self.grid.width)).tanh()


def one_hot(labels: Tensor | None, classes: int) -> Tensor | None:
    """float32 (B, K), or None without classes."""
    if classes == 0:
        return None
    assert labels is not None
    return F.one_hot(labels, classes).float()
