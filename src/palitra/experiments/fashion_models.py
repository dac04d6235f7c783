"""All models of the zoo on Fashion-MNIST at equal processor time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from palitra.experiments.data_sets import SetName, check_set
from palitra.experiments.model_trial import model_trial, train_and_measure
from palitra.experiments.page import compose, picture
from palitra.experiments.pictures import line_plot, rows_of_models, scatter_plot, sheet_of
from palitra.experiments.table import (
    Column,
    by_name,
    full_name,
    percent,
    plain,
    trial_table,
    values_of,
    whole,
)
from palitra.experiments.trial import Findings, Kept, Place, Scope, Trial
from palitra.zoo.models import MODELS

SET: SetName = "fashion-mnist"
BEST = 3


def model_columns(kept: Sequence[Kept]) -> list[Column]:
    """What a table of models shows, named by the extractor at work."""
    return [
        Column(full_name(kept, "fid"), "fid"),
        Column(full_name(kept, "kid"), "kid"),
        Column("precision", "precision"),
        Column("recall", "recall"),
        Column("class agreement", "agreement", percent),
        Column("nearer than unseen", "nearer_than_unseen", percent),
        Column("ms a picture", "milliseconds_per_picture", plain),
        Column("parameters", "parameters", whole),
        Column("pictures seen", "images", whole),
        Column("minutes", "minutes"),
    ]


def nearest_first(kept: Sequence[Kept]) -> list[Kept]:
    """Trials sorted by the mean distance of their configuration; those without any come last."""
    distance = {name: mean_of(group, "fid") for name, group in by_name(kept).items()}
    return sorted(kept, key=lambda k: (distance[k.trial.name], k.trial.name, k.trial.seed))


def mean_of(kept: Sequence[Kept], number: str) -> float:
    """Mean over seeds, infinity where there is none."""
    values = values_of([k for k in kept if k.failed is None], number)
    return statistics.fmean(values) if values else float("inf")


def model_pictures(kept: Sequence[Kept], docs: Path, name: str) -> list[str]:
    """The plots and sheets of a table of models, as parts of a page."""
    groups, fid = by_name(kept), full_name(kept, "fid")
    parts: list[str] = []
    rows = rows_of_models(kept, docs / f"{name}-rows.webp")
    if rows:
        parts += ["Drawn by each, seed 0, two of every class for models with classes:", picture("rows", rows)]
    points = {
        model: (mean_of(group, "fid"), 100 * mean_of(group, "agreement"))
        for model, group in groups.items()
        if values_of(group, "fid") and values_of(group, "agreement")
    }
    if points:
        file = scatter_plot(points, docs / f"{name}-plot.webp", fid, "class agreement, %")
        parts.append(picture("distance and agreement", file))
    lines = {model: group[0].findings.curves.get("quick_distance", []) for model, group in groups.items()}
    curves = {model: points for model, points in lines.items() if points}
    if curves:
        file = line_plot(
            curves, docs / f"{name}-curves.webp", "pictures seen", "quick distance", log_x=True, log_y=True
        )
        parts += [
            "On the way, seed 0, by the quick distance that chooses the checkpoint (no FID):",
            picture("curves", file),
        ]
    return parts


@dataclass(frozen=True)
class FashionModels:
    """Every model, the `small` preset."""

    name: str = "fashion_models"
    title: str = "All models of the zoo on Fashion-MNIST at equal processor time"
    seeds: int = 3
    budget: float = 10.0

    def trials(self, scope: Scope) -> Sequence[Trial]:
        """A model and a seed each; a first seed of all before the second of any."""
        check_set(scope.data, SET)
        return [
            model_trial(scope, model.name, seed, SET, model.name)
            for seed in range(scope.seeds)
            for model in MODELS
        ]

    def run(self, trial: Trial, place: Place) -> Findings:
        """Train and measure."""
        return train_and_measure(trial, place)

    def page(self, kept: Sequence[Kept], docs: Path) -> str:
        """Table, the best three with their sheets, plots."""
        kept = nearest_first(kept)
        titles: Mapping[str, str] = {m.name: f"`{m.name}` {m.title}" for m in MODELS}
        best = [name for name, group in by_name(kept).items() if mean_of(group, "fid") < float("inf")][:BEST]
        parts = ["\n".join(trial_table(kept, model_columns(kept), titles=titles))]
        if best:
            parts.append(f"The best three by {full_name(kept, 'fid')}: {', '.join(f'`{n}`' for n in best)}.")
        for name in best:
            file = sheet_of(by_name(kept)[name][0], docs / f"{self.name}-{name}.webp")
            if file:
                parts += [f"`{name}`:", picture(name, file)]
        asked = (
            "Which model of the zoo makes the best pictures of ten kinds of clothes when all have the same "
            "processor time, and which are the classes that were asked for?"
        )
        return compose(self, kept, asked, [*parts, *model_pictures(kept, docs, self.name)])


EXPERIMENT = FashionModels()
