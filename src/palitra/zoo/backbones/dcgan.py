"""Deep convolutional networks (DCGAN, arXiv 1511.06434)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.zoo.backbones.grid import coarsest
from palitra.zoo.backbones.starting_weights import start_normal, with_planes
from palitra.zoo.choices import DCGANBackbone
from palitra.zoo.regularisers.virtual_batch_norm import VirtualBatchNorm


class DCGANGenerator(nn.Module):
    """Projection to the coarsest grid, then transposed 4 x 4 convolutions that double it.

    references > 0 takes virtual batch norm with so many reference latents, kept among the weights.
    """

    def __init__(
        self, choice: DCGANBackbone, shape: tuple[int, int, int], classes: int, references: int = 0
    ) -> None:
        super().__init__()
        self.latent, self.references = choice.latent, references
        self.grid = coarsest(*shape[1:])
        self.classes = classes
        levels = self.grid.levels
        widths = [choice.width * 2 ** min(levels - i, 3) for i in range(levels)]
        self.widths = (*widths, choice.width)
        self.project = nn.Linear(choice.latent + classes, widths[0] * self.grid.height * self.grid.width)
        self.norms = nn.ModuleList(
            VirtualBatchNorm(w, references) if references else nn.BatchNorm2d(w) for w in self.widths
        )
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)
            for a, b in zip(self.widths[:-1], self.widths[1:], strict=True)
        )
        self.out = nn.Conv2d(choice.width, shape[0], 3, padding=1)
        start_normal(self)
        if references:
            self.register_buffer("reference_z", torch.randn(references, choice.latent))
            self.register_buffer("reference_labels", torch.arange(references) % max(classes, 1))

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """The pictures."""
        if self.references:
            z = torch.cat([self.get_buffer("reference_z"), z])
            labels = None if labels is None else torch.cat([self.get_buffer("reference_labels"), labels])
        if self.classes:
            assert labels is not None
            z = torch.cat([z, F.one_hot(labels, self.classes).to(z.dtype)], 1)
        x = self.project(z).view(-1, self.widths[0], self.grid.height, self.grid.width)
        x = self.norms[0](x).relu()
        for up, norm in zip(self.ups, list(self.norms)[1:], strict=True):
            x = norm(up(x)).relu()
        return self.out(x).tanh()[self.references :]


class DCGANTrunk(nn.Module):
    """Strided 4 x 4 convolutions with LeakyReLU; no norm on the input layer."""

    def __init__(self, choice: DCGANBackbone, shape: tuple[int, int, int], beside: int) -> None:
        super().__init__()
        grid = coarsest(*shape[1:])
        norm = choice.discriminator_norm == "batch"
        layers: list[nn.Module] = []
        inside = shape[0] + beside
        for i in range(grid.levels):
            width = choice.width * 2 ** min(i, 3)
            layers.append(nn.Conv2d(inside, width, 4, 2, 1, bias=i == 0 or not norm))
            if i > 0 and norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.LeakyReLU(0.2))
            if choice.dropout:
                layers.append(nn.Dropout(choice.dropout))
            inside = width
        self.layers = nn.Sequential(*layers)
        self.features = inside * grid.height * grid.width
        start_normal(self)

    def forward(self, x: Tensor, beside: Tensor | None) -> Tensor:
        """Features (B, F)."""
        return self.layers(with_planes(x, beside)).flatten(1)
