"""Compare two sets of images: one pass over each, all scores of all extractors and resize protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import torch

from palitra.data.image_sets import ImageSet
from palitra.errors import InputError
from palitra.metrics.class_scores import CLASS_SCORERS
from palitra.metrics.extractor import Extractor
from palitra.metrics.one_pass import Elsewhere, extract
from palitra.metrics.reference import Features
from palitra.metrics.result import Protocol, Result
from palitra.metrics.scores import PER_CLASS, SCORERS, Scorer, ScoreSettings, Sides, all_scores
from palitra.version import __version__


@dataclass(frozen=True)
class Report:
    """`results`; `notes` on what was left out and why; `skipped` files that could not be read."""

    results: tuple[Result, ...]
    notes: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """What is told on the way: images done, and the score that is worked out now."""

    tick: Callable[[int], None] = lambda count: None
    stage: Callable[[str], None] = lambda name: None


def evaluate(
    real: ImageSet,
    fake: ImageSet,
    extractors: Sequence[Extractor],
    *,
    held_out: ImageSet | None = None,
    resizes: Sequence[str] = ("clean",),
    metrics: Sequence[str] | None = None,
    per_class: bool = False,
    settings: ScoreSettings | None = None,
    limit: int | None = None,
    batch: int = 64,
    cache: Path | None = None,
    progress: Progress | None = None,
    elsewhere: Elsewhere | None = None,
) -> Report:
    """All scores of `fake` against `real`.

    Args:
        real: the images that are the measure; a generator's training set where copies are looked for.
        fake: the images to be judged.
        extractors: networks with different names.
        held_out: real images that training did not see, for the memorisation test.
        resizes: protocols, see `palitra.metrics.resize`.
        metrics: names of `SCORERS` and, for sets with classes, `CLASS_SCORERS`; by default all of the first.
        per_class: also the FID within each class; both sets must have classes, matched by name.
        settings: seed, resamples and the like.
        limit: at most so many images of each set, evenly spread over it.
        batch: images per call of a network.
        cache: a folder for features of `real` and `held_out`.
        progress: told on the way.
        elsewhere: works out features; see `extract`.

    Raises:
        InputError: an unknown metric, labels that do not match, or nothing could be worked out.
        ImageError: more than 1 % of a set cannot be read.
    """
    scorers = _choose(metrics, per_class)
    by_class = per_class or bool(scorers.keys() & CLASS_SCORERS.keys())
    classes = _match_classes(real, fake) if by_class else ()
    settings, progress = settings or ScoreSettings(), progress or Progress()
    sets = {"real": real, "fake": fake, **({"held_out": held_out} if held_out is not None else {})}
    seen = {
        name: extract(
            images,
            extractors,
            resizes,
            limit=limit,
            batch=batch,
            cache=None if name == "fake" else cache,
            tick=progress.tick,
            elsewhere=elsewhere,
        )
        for name, images in sets.items()
    }
    versions = {"palitra": __version__, "torch": version("torch"), "pillow": version("pillow")}
    results: list[Result] = []
    notes: list[str] = []
    for extractor in extractors:
        for resize in resizes:
            held = {name: found[extractor.name, resize] for name, found in seen.items()}
            if by_class:
                held["fake"] = _renumber(held["fake"], fake.classes, classes)
            sides = Sides(held["real"], held["fake"], held.get("held_out"), classes)
            protocol = Protocol(
                extractor.name,
                extractor.weights,
                resize,
                len(sides.real.features),
                len(sides.fake.features),
                settings.seed,
                versions,
            )
            scores, left_out = all_scores(sides, settings, scorers, progress.stage)
            notes += [n for n in left_out if n not in notes]
            results += [Result(s.metric, s.value, protocol, s.interval, s.settings, s.group) for s in scores]
    if not results:
        raise InputError(
            "; ".join(notes) or "`metrics` must be at least 1 that the extractor can give, got none"
        )
    skipped = [
        f"{name}/{file}" for name, found in seen.items() for file in next(iter(found.values())).skipped
    ]
    return Report(tuple(results), tuple(notes), tuple(skipped))


def _choose(metrics: Sequence[str] | None, per_class: bool) -> dict[str, Scorer]:
    known = {**SCORERS, **CLASS_SCORERS}
    for name in metrics or ():
        if name not in known:
            raise InputError(f"`metrics` must be of {', '.join(known)}, got {name}")
    wanted = SCORERS if metrics is None else metrics
    chosen = {name: scorer for name, scorer in known.items() if name in wanted}
    return {**chosen, **(PER_CLASS if per_class else {})}


def _match_classes(real: ImageSet, fake: ImageSet) -> tuple[str, ...]:
    for name, images in (("real", real), ("fake", fake)):
        if not images.classes:
            raise InputError(
                f"`{name}` must have classes (subfolders, a column label, or an array labels), got none in "
                f"{images.path.name}"
            )
    strange = [c for c in fake.classes if c not in real.classes]
    if strange:
        raise InputError(
            f"`fake` must have classes of `real` ({', '.join(real.classes[:10])}), got {strange[0]}"
        )
    return real.classes


def _renumber(found: Features, own: tuple[str, ...], classes: tuple[str, ...]) -> Features:
    """Labels as numbers of the real set's classes."""
    numbers = torch.tensor([classes.index(c) for c in own])
    return replace(found, labels=numbers[found.labels])
