"""Fully connected networks (GAN, arXiv 1406.2661; conditional GAN, arXiv 1411.1784)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from palitra.zoo.backbones.starting_weights import start_normal
from palitra.zoo.choices import MLPBackbone


class MLPGenerator(nn.Module):
    """latent (B, Z), labels (B,) or None -> picture (B, C, H, W); a learned class vector joins the latent."""

    def __init__(self, choice: MLPBackbone, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.latent, self.shape = choice.latent, shape
        self.embedding = nn.Embedding(classes, max(classes, 50)) if classes else None
        inside = choice.latent + (max(classes, 50) if classes else 0)
        layers: list[nn.Module] = []
        for i in range(choice.layers):
            width = choice.width * 2**i
            layers.append(nn.Linear(inside, width, bias=i == 0))
            if i > 0:
                layers.append(nn.BatchNorm1d(width))
            layers.append(nn.LeakyReLU(0.2))
            inside = width
        layers.append(nn.Linear(inside, math.prod(shape)))
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """The pictures."""
        if self.embedding is not None:
            assert labels is not None
            z = torch.cat([z, self.embedding(labels)], 1)
        return self.layers(z).tanh().view(-1, *self.shape)


class MLPTrunk(nn.Module):
    """Two hidden layers; a vector beside the picture joins its pixels."""

    def __init__(self, choice: MLPBackbone, shape: tuple[int, int, int], beside: int) -> None:
        super().__init__()
        wide = choice.width * 4
        self.features = wide // 2
        self.layers = nn.Sequential(
            nn.Linear(math.prod(shape) + beside, wide),
            nn.LeakyReLU(0.2),
            nn.Dropout(choice.dropout),
            nn.Linear(wide, self.features),
            nn.LeakyReLU(0.2),
            nn.Dropout(choice.dropout),
        )
        start_normal(self)

    def forward(self, x: Tensor, beside: Tensor | None) -> Tensor:
        """Features (B, F)."""
        flat = x.flatten(1)
        return self.layers(flat if beside is None else torch.cat([flat, beside], 1))
