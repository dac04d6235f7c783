"""Gaussian mixtures with full covariances, fitted by expectation-maximisation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mixture:
    """weights (M,), means (M, D), factors (M, D, D): lower Cholesky factors of the covariances."""

    weights: Tensor
    means: Tensor
    factors: Tensor

    def log_terms(self, x: Tensor) -> Tensor:
        """Log of weight x density, (N, M)."""
        apart = x[:, None] - self.means
        solved = torch.linalg.solve_triangular(self.factors, apart.permute(1, 2, 0), upper=False)
        scale = self.factors.diagonal(dim1=1, dim2=2).log().sum(1)
        constant = 0.5 * x.shape[1] * math.log(2 * math.pi)
        return self.weights.log() - scale - constant - 0.5 * solved.square().sum(1).t()

    def place(self, uniform: Tensor, normal: Tensor) -> Tensor:
        """Samples (N, D) from uniform (N,) and normal (N, D) numbers."""
        bounds = self.weights.cumsum(0)
        part = torch.searchsorted(bounds, uniform * bounds[-1]).clamp(max=len(bounds) - 1)
        return self.means[part] + torch.einsum("nij,nj->ni", self.factors[part], normal)


def fit_mixture(x: Tensor, parts: int, rounds: int = 30, ridge: float = 1e-4) -> Mixture:
    """Fit `parts` Gaussians to x (N, D), at most one per D + 1 points; starts from evenly spaced points."""
    x = x.double()
    n, d = x.shape
    parts = max(1, min(parts, n // (d + 1)))
    generator = torch.Generator().manual_seed(0)
    means = x[torch.randperm(n, generator=generator)[:parts]]
    spread = torch.atleast_2d(x.t().cov(correction=0)) + ridge * torch.eye(d, dtype=x.dtype)
    factors = torch.linalg.cholesky(spread).expand(parts, d, d)
    mixture = Mixture(torch.full((parts,), 1 / parts, dtype=x.dtype), means, factors)
    for _ in range(rounds if parts > 1 else 1):
        shares = mixture.log_terms(x).softmax(1)
        mass = shares.sum(0).clamp_min(1e-9)
        means = shares.t() @ x / mass[:, None]
        apart = x[:, None] - means
        covariances = torch.einsum("nm,nmi,nmj->mij", shares, apart, apart) / mass[:, None, None]
        factors = torch.linalg.cholesky(covariances + ridge * torch.eye(d, dtype=x.dtype))
        mixture = Mixture(mass / n, means, factors)
    return mixture
