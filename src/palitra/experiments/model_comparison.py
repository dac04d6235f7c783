"""A table of models at equal processor time with plots and sheets; several experiments are such tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from palitra.experiments.data_sets import SetName, check_set
from palitra.experiments.model_trial import PICTURES, extractor_name, model_trial, train_and_measure
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
        parts += [
            "Drawn by each, one seed, two of every class for models with classes:",
            picture("rows", rows),
        ]
    points = {
        model: (mean_of(group, "fid"), 100 * mean_of(group, "agreement"))
        for model, group in groups.items()
        if values_of(group, "fid") and values_of(group, "agreement")
    }
    if points:
        file = scatter_plot(points, docs / f"{name}-plot.webp", fid, "class agreement, %")
        parts.append(picture("distance and agreement", file))
    lines = {
        model: [line for k in group if (line := k.findings.curves.get("quick_distance"))]
        for model, group in groups.items()
    }
    curves = {model: found[0] for model, found in lines.items() if found}
    if curves:
        file = line_plot(
            curves, docs / f"{name}-curves.webp", "pictures seen", "quick distance", log_x=True, log_y=True
        )
        parts += [
            "On the way, one seed, by the quick distance that chooses the checkpoint (no FID):",
            picture("curves", file),
        ]
    return parts


@dataclass(frozen=True)
class Row:
    """A configuration: its name in the table, what it is, a model of the zoo, changes of its preset."""

    name: str
    title: str
    model: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelComparison:
    """Rows trained alike; `asked` is the question, `best` how many get their sheets, `more` further parts.

    `pictures` are drawn by each to be measured; diffusion takes a tenth of a second for one.
    """

    name: str
    title: str
    asked: str
    set_name: SetName
    rows: tuple[Row, ...]
    best: int = BEST
    more: tuple[str, ...] = ()
    seeds: int = 3
    budget: float = 10.0
    pictures: int = PICTURES

    def trials(self, scope: Scope) -> Sequence[Trial]:
        """A row and a seed each; the first seed of all before the second of any."""
        check_set(scope.data, self.set_name)
        extractor = extractor_name(scope)
        drawn = {} if scope.tiny else {"pictures": self.pictures}
        return [
            model_trial(scope, row.name, seed, self.set_name, row.model, extractor, row.changes, **drawn)
            for seed in range(scope.seeds)
            for row in self.rows
        ]

    def run(self, trial: Trial, place: Place) -> Findings:
        """Train and measure."""
        return train_and_measure(trial, place)

    def page(self, kept: Sequence[Kept], docs: Path) -> str:
        """Table, the best with their sheets, plots."""
        kept = nearest_first(kept)
        titles = {row.name: f"`{row.name}` {row.title}" for row in self.rows}
        names = [name for name, group in by_name(kept).items() if mean_of(group, "fid") < float("inf")]
        best = names[: self.best]
        parts = ["\n".join(trial_table(kept, model_columns(kept), titles=titles))]
        if best:
            words = ", ".join(f"`{name}`" for name in best)
            parts.append(f"Best by {full_name(kept, 'fid')}: {words}.")
        for name in best:
            file = sheet_of(by_name(kept)[name], docs / f"{self.name}-{name}.webp")
            if file:
                parts += [f"`{name}`:", picture(name, file)]
        return compose(self, kept, self.asked, [*parts, *model_pictures(kept, docs, self.name), *self.more])
