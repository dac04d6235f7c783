"""Fréchet distance of two Gaussians: FID where the features are the published Inception's.

Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (2017):
|mu1 - mu2|^2 + Tr(S1 + S2) - 2 Tr (S1 S2)^(1/2), with unbiased covariances.

No matrix root is taken. With S1 = L L', the eigenvalues of S1 S2 are those of the symmetric L' S2 L,
and their roots sum up to the trace. A `Gaussian` that is compared again keeps its L. Below full rank
S = A'A with a flat A (images by dimensions): the trace is the nuclear norm of A B', a matrix of images
by images. Nothing is added to the diagonal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.congruence import cholesky, congruent_eigenvalues
from palitra.metrics.moments import Moments, check_features


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A normal distribution: `covariance` (D, D), or below full rank `factor` (r, D) with covariance F'F."""

    count: int
    mean: Tensor
    covariance: Tensor | None = None
    factor: Tensor | None = None

    @classmethod
    def of_features(cls, features: Tensor, name: str = "features") -> Gaussian:
        """Fit to features (N, D), N at least 2; not more images than dimensions keep the flat factor."""
        rows = check_features(name, features, 2)
        mean = rows.mean(0)
        centred = rows - mean
        if len(rows) <= rows.shape[1]:
            return cls(len(rows), mean, factor=centred / (len(rows) - 1) ** 0.5)
        return cls(len(rows), mean, centred.T @ centred / (len(rows) - 1))

    @classmethod
    def of_moments(cls, moments: Moments) -> Gaussian:
        """Fit to accumulated moments; below full rank the factor comes from the eigenvectors."""
        covariance = moments.covariance()
        if moments.count > len(moments.mean):
            return cls(moments.count, moments.mean, covariance)
        return cls(moments.count, moments.mean, factor=_factor(covariance, moments.count - 1))

    @cached_property
    def lower(self) -> Tensor | None:
        """The Cholesky factor of `covariance`, kept for the next distance; None where there is none."""
        return None if self.covariance is None else cholesky(self.covariance)

    @property
    def trace(self) -> float:
        """Sum of the variances."""
        if self.covariance is not None:
            return float(self.covariance.trace())
        assert self.factor is not None
        return float(self.factor.square().sum())


@dataclass(frozen=True)
class FrechetDistance:
    """`value`; `method` (cholesky, factor or nuclear) and `rank` of the product of the covariances.

    `smallest` is the smallest eigenvalue of the product before it is cut at zero: far below zero it
    would say that the covariances are none.
    """

    value: float
    method: str
    rank: int
    smallest: float


def frechet_distance(real: Gaussian, fake: Gaussian) -> FrechetDistance:
    """Distance of two Gaussians, at least 0; under a second for 2048 dimensions.

    Raises:
        InputError: they differ in dimensions.
    """
    if real.mean.shape != fake.mean.shape:
        raise InputError(f"`fake` must have {len(real.mean)} dimensions as `real`, got {len(fake.mean)}")
    roots, method, smallest = _roots(real, fake)
    apart = float((real.mean - fake.mean).square().sum())
    value = apart + real.trace + fake.trace - 2 * float(roots.sum())
    largest = float(roots.max()) if len(roots) else 0.0
    rank = int((roots > largest * 1e-7).sum())
    return FrechetDistance(max(value, 0.0), method, rank, smallest)


def frechet_from_features(real: Tensor, fake: Tensor) -> FrechetDistance:
    """Distance between features (N, D) and (M, D); at least two images each."""
    return frechet_distance(Gaussian.of_features(real, "real"), Gaussian.of_features(fake, "fake"))


def frechet_per_class(
    real: Tensor, real_labels: Tensor, fake: Tensor, fake_labels: Tensor
) -> Mapping[int, FrechetDistance]:
    """Distance within each class that both sides have; the mean over classes is the intra-class FID.

    Raises:
        InputError: a class has one image on a side, or there is no common class.
    """
    both = sorted(set(real_labels.tolist()) & set(fake_labels.tolist()))
    if not both:
        raise InputError("`fake` must share a class with `real`, got none in common")
    found = {}
    for label in both:
        sides = {"real": real[real_labels == label], "fake": fake[fake_labels == label]}
        for name, rows in sides.items():
            if len(rows) < 2:
                raise InputError(
                    f"`{name}` must have at least 2 images of class {label} for its FID, got {len(rows)}"
                )
        found[int(label)] = frechet_from_features(**sides)
    return found


@dataclass
class Frechet:
    """Accumulator of `frechet_distance` over two streams of features."""

    real: Moments = field(default_factory=Moments)
    fake: Moments = field(default_factory=Moments)

    def update(self, features: Tensor, real: bool) -> None:
        """Add features (N, D) of real or of generated images."""
        (self.real if real else self.fake).update(features)

    def merge(self, other: Frechet) -> None:
        """Add what another accumulator has seen."""
        self.real.merge(other.real)
        self.fake.merge(other.fake)

    def compute(self) -> FrechetDistance:
        """The distance; at least two images on each side."""
        return frechet_distance(Gaussian.of_moments(self.real), Gaussian.of_moments(self.fake))


def _roots(real: Gaussian, fake: Gaussian) -> tuple[Tensor, str, float]:
    """Square roots of the eigenvalues of the product, how they were found, the smallest eigenvalue."""
    first, second = real.factor, fake.factor
    if first is None and second is None:
        assert real.covariance is not None
        assert fake.covariance is not None
        for one, other in ((real, fake.covariance), (fake, real.covariance)):
            if one.lower is not None:
                return _roots_of(congruent_eigenvalues(one.lower, other), "cholesky")
        # more images than dimensions and still flat, such as dead channels
        first, second = _factor(real.covariance, real.count), _factor(fake.covariance, fake.count)
    if first is not None and second is not None:
        singular = torch.linalg.svdvals(first @ second.T)
        return singular, "nuclear", float(singular.min().square()) if len(singular) else 0.0
    flat = first if first is not None else second
    full = fake.covariance if first is not None else real.covariance
    assert flat is not None
    assert full is not None
    return _roots_of(torch.linalg.eigvalsh(flat @ full @ flat.T), "factor")


def _roots_of(values: Tensor, method: str) -> tuple[Tensor, str, float]:
    return values.clamp_min(0).sqrt(), method, float(values.min())


def _factor(covariance: Tensor, rank: int) -> Tensor:
    """A flat F with F'F = covariance, of at most `rank` rows, without directions of rounding noise."""
    values, vectors = torch.linalg.eigh(covariance)
    noise = float(values.abs().max()) * len(values) * torch.finfo(values.dtype).eps
    kept = values > noise
    values, vectors = values[kept][-rank:], vectors[:, kept][:, -rank:]
    return values.sqrt()[:, None] * vectors.T
