"""Every score of two sets of features, with its interval; what has too few images says its bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.bootstrap import Interval, bootstrap_means, bootstrap_statistic
from palitra.metrics.diversity import vendi_score
from palitra.metrics.frechet import Gaussian, frechet_distance, frechet_from_features, frechet_per_class
from palitra.metrics.inception_score import inception_score
from palitra.metrics.kernel import kernel_distance, kernel_distance_full
from palitra.metrics.memorisation import memorisation
from palitra.metrics.precision_recall import manifold_score
from palitra.metrics.reference import Features


@dataclass(frozen=True)
class ScoreSettings:
    """How scores are worked out; `resamples` 0 leaves the intervals out.

    `pairs` bounds the images on a side of scores that compare all with all; more are drawn by `seed`.
    """

    seed: int = 0
    resamples: int = 100
    kid_subsets: int = 100
    kid_size: int = 1000
    splits: int = 10
    pairs: int = 10_000
    alpha: float = 0.01


@dataclass(frozen=True)
class Score:
    """A value without its protocol."""

    metric: str
    value: float
    interval: Interval | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Sides:
    """Real and generated features of one extractor; `held_out` are real ones that training did not see."""

    real: Features
    fake: Features
    held_out: Features | None = None
    classes: tuple[str, ...] = ()


def fid(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Fréchet distance; resampled whole sets give its interval."""
    x, y = sides.real.features.double(), sides.fake.features.double()
    found = frechet_from_features(x, y)
    interval = None
    if settings.resamples:
        interval = bootstrap_statistic(
            lambda v, w: frechet_distance(_weighted(x, v), _weighted(y, w)).value,
            len(x),
            len(y),
            seed=settings.seed,
            resamples=settings.resamples,
        )
    yield Score("fid", found.value, interval, {"algebra": found.method, "rank": found.rank})


def fid_per_class(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Fréchet distance within each class, then their mean."""
    found = frechet_per_class(sides.real.features, sides.real.labels, sides.fake.features, sides.fake.labels)
    for label, distance in found.items():
        counts = {
            f"class_{name}": int((side.labels == label).sum())
            for name, side in (("real", sides.real), ("fake", sides.fake))
        }
        yield Score("fid", distance.value, settings=counts, group=sides.classes[label])
    mean = sum(d.value for d in found.values()) / len(found)
    yield Score("fid_intra_class", mean, settings={"classes": len(found)})


def kid(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Kernel distance over subsets, and over all pairs with its interval."""
    x, y = sides.real.features, sides.fake.features
    parts = kernel_distance(x, y, subsets=settings.kid_subsets, size=settings.kid_size, seed=settings.seed)
    used = {"subsets": parts.subsets, "size": parts.size, "std": parts.std}
    yield Score("kid", parts.value, settings=used)
    x, y = _at_most(x, settings), _at_most(y, settings)
    rows = kernel_distance_full(x, y)
    yield Score("kid_full", rows.value, interval_of_means(settings, rows.real, rows.fake), _used(x, y))


def inception(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Inception Score of the fakes, where the extractor has classes."""
    if sides.fake.logits is not None:
        found = inception_score(sides.fake.logits, splits=settings.splits, seed=settings.seed)
        yield Score("is", found.value, settings={"splits": found.splits, "std": found.std})


def precision_recall(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Precision and recall with k 3, closed balls."""
    x, y = (_at_most(s.features, settings) for s in (sides.real, sides.fake))
    found = manifold_score(x, y, k=3, closed=True)
    used = {"k": 3, **_used(x, y)}
    yield Score("precision", found.precision, interval_of_means(settings, found.fake_inside), used)
    yield Score("recall", found.recall, interval_of_means(settings, found.real_inside), used)


def density_coverage(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Density and coverage with k 5, open balls."""
    x, y = (_at_most(s.features, settings) for s in (sides.real, sides.fake))
    found = manifold_score(x, y, k=5, closed=False)
    used = {"k": 5, **_used(x, y)}
    yield Score("density", found.density, interval_of_means(settings, found.balls), used)
    yield Score("coverage", found.coverage, interval_of_means(settings, found.covered), used)


def vendi(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Effective number of different fakes, beside that of the real images."""
    yield Score(
        "vendi", vendi_score(sides.fake.features), settings={"of_real": vendi_score(sides.real.features)}
    )


def copies(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Share of fakes whose pixels equal a real image's; with held-out images also the memorisation test."""
    known = {bytes(row) for row in sides.real.prints.numpy()}
    same = [bytes(row) in known for row in sides.fake.prints.numpy()]
    yield Score("equal_to_real", sum(same) / len(same), settings={"images": sum(same)})
    if sides.held_out is not None:
        found = memorisation(
            sides.real.features, sides.held_out.features, sides.fake.features, alpha=settings.alpha
        )
        used = {
            "expected": found.expected,
            "p_value": found.p_value,
            "rank_z": found.rank_z,
            "held_out": len(sides.held_out.features),
        }
        yield Score("nearer_than_unseen", found.share, settings=used)


Scorer = Callable[[Sides, ScoreSettings], Iterator[Score]]
SCORERS: Mapping[str, Scorer] = {
    "fid": fid,
    "kid": kid,
    "is": inception,
    "precision_recall": precision_recall,
    "density_coverage": density_coverage,
    "vendi": vendi,
    "copies": copies,
}
PER_CLASS: Mapping[str, Scorer] = {"fid_per_class": fid_per_class}


def all_scores(
    sides: Sides,
    settings: ScoreSettings,
    scorers: Mapping[str, Scorer],
    stage: Callable[[str], None] = lambda name: None,
) -> tuple[list[Score], list[str]]:
    """Scores of all scorers, and for those with too few images a sentence with the bound."""
    found: list[Score] = []
    notes: list[str] = []
    for name, scorer in scorers.items():
        stage(name)
        try:
            found += list(scorer(sides, settings))
        except InputError as error:
            notes.append(f"{name} is left out: {error}")
    return found, notes


def _weighted(features: Tensor, weights: Tensor) -> Gaussian:
    """The normal distribution of a resampled set: as if each image were there `weights` times."""
    n = len(features)
    mean = weights @ features / n
    rows = (features - mean) * (weights / (n - 1)).sqrt()[:, None]
    if n <= features.shape[1]:
        return Gaussian(n, mean, factor=rows)
    return Gaussian(n, mean, rows.T @ rows)


def interval_of_means(settings: ScoreSettings, *groups: Tensor) -> Interval | None:
    """Interval of the sum of the groups' means, unless `settings` wants none."""
    if not settings.resamples:
        return None
    return bootstrap_means(*groups, seed=settings.seed, resamples=max(settings.resamples, 1000))[1]


def _at_most(features: Tensor, settings: ScoreSettings) -> Tensor:
    if len(features) <= settings.pairs:
        return features
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(settings.seed))
    return features[order[: settings.pairs].sort().values]


def _used(x: Tensor, y: Tensor) -> dict[str, int]:
    return {"used_real": len(x), "used_fake": len(y)}
