"""A cheap distance between real and generated pictures, to choose the best checkpoint by while training.

It is the Fréchet distance of features of a small convolutional network with fixed random weights. It says
which of two checkpoints of one run is nearer; it is no FID and is not comparable to one. Its algebra is its
own because training needs torch alone; that of `palitra.metrics.frechet` leans on scipy.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 48


class QuickDistance:
    """Remembers the real pictures' moments; `__call__` compares generated ones."""

    def __init__(self, real: Tensor) -> None:
        channels = real.shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(20_25)
            self.network = nn.Sequential(
                nn.Conv2d(channels, WIDTH, 4, 2, 1), nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 4, 2, 1), nn.ReLU(),
                nn.Conv2d(WIDTH, WIDTH, 3, 1, 1),
            ).requires_grad_(False)  # fmt: skip
        self.mean, self.covariance = self._moments(real)

    def __call__(self, fake: Tensor) -> float:
        """Distance of pictures (N, C, H, W) in [-1, 1]; 0 for the same moments."""
        mean, covariance = self._moments(fake)
        root = _root(self.covariance)
        cross = torch.linalg.eigvalsh(root @ covariance @ root).clamp_min(0).sqrt().sum()
        apart = (mean - self.mean).square().sum()
        return float(apart + self.covariance.trace() + covariance.trace() - 2 * cross)

    def _moments(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        chunks = [self.network(chunk.float().cpu()) for chunk in pictures.split(256)]
        maps = torch.cat([torch.cat([c.mean((2, 3)), c.relu().amax((2, 3))], 1) for c in chunks]).double()
        return maps.mean(0), maps.t().cov(correction=0)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp_min(0).sqrt() @ vectors.t()
