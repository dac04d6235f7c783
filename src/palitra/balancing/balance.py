"""The whole comparison: every strategy with every seed, kept as it goes, and the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from palitra.balancing.kept import Outcome, check_same_settings, write_json
from palitra.balancing.plot import draw_plot
from palitra.balancing.report import BalanceReport, make_report
from palitra.balancing.seed_run import SeedRun, Watch
from palitra.balancing.settings import BalanceSettings
from palitra.balancing.strategies.catalogue import find_strategies
from palitra.balancing.synthetic import Draws
from palitra.balancing.tables import markdown, text_table
from palitra.balancing.task import Task
from palitra.errors import DiskError

GeneratorOf = Callable[[int], Draws]


def run_seed(
    task: Task,
    settings: BalanceSettings,
    seed: int,
    folder: Path,
    device: torch.device | None = None,
    watch: Watch | None = None,
    generator: Draws | None = None,
) -> tuple[SeedRun, list[Outcome], list[Outcome]]:
    """All strategies of one seed and, if asked for, its classification accuracy score."""
    run = SeedRun(task, settings, seed, folder, device, watch, generator)
    outcomes = [run.outcome(s) for s in find_strategies(settings.strategies)]
    return run, outcomes, [run.cas()] if settings.cas else []


def balance(
    task: Task,
    settings: BalanceSettings,
    folder: Path,
    device: torch.device | None = None,
    watch: Watch | None = None,
    generator_of: GeneratorOf | None = None,
) -> tuple[BalanceReport, SeedRun]:
    """Compare the strategies; goes on where `folder` stands.

    Args:
        task: rows, from `make_task`.
        settings: as given to `make_task`.
        folder: keeps settings, outcomes, generators and the report.
        device: of the generator.
        watch: told of progress.
        generator_of: draws for a seed instead of a trained model of the zoo.

    Returns:
        The report, also written as report.json, report.md, report.txt and report.webp, and the run of the
        first seed, whose generated pictures make the balanced set.

    Raises:
        InputError: the folder holds results of other settings or data.
        DiskError: the folder cannot be written.
    """
    check_same_settings(folder, {**settings.deciding(), "data": task.fingerprint})
    runs, outcomes, cas = [], [], []
    for seed in range(settings.seeds):
        given = generator_of(seed) if generator_of else None
        run, found, scored = run_seed(task, settings, seed, folder, device, watch, given)
        runs.append(run)
        outcomes.append(found)
        cas += scored
    report = make_report(
        outcomes,
        cas,
        task.test.labels,
        task.test.names,
        task.rare,
        protocol(task, settings),
        settings.resamples,
    )
    write_report(folder, report)
    return report, runs[0]


def protocol(task: Task, settings: BalanceSettings) -> str:
    """How the numbers are made, in words."""
    g, b, s = settings.generator, settings.budget, settings.sieve
    c, h, w = task.pool.shape
    passes = b.samples / ((1 - settings.validation) * len(task.pool))
    parts = [
        f"{len(task.pool)} pictures for training and validation ({settings.validation:.0%}), "
        f"{len(task.test)} for the test, {c} x {h} x {w}.",
        f"Every classifier: the same convolutional network (width {b.width}) shown {b.samples:,} pictures in "
        f"batches of {b.batch}, about {passes:.0f} passes over the training rows.",
        f"Rare classes are filled to {settings.target:.0%} of the gap to the largest; generated rows weigh "
        f"{settings.weight:g}.",
        f"Generator: {g.model} {g.preset}"
        + (f" ({', '.join(g.changes)})" if g.changes else "")
        + f", one per seed, trained on training rows alone with evenness {g.evenness:g}; pictures stay if a "
        f"classifier trained on the same rows (logit adjustment) gives their class at least "
        f"{s.confidence:g} and they lie neither nearer to a real one nor farther than real ones do "
        f"({s.copies:.0%} and {s.outliers:.0%} quantiles).",
    ]
    if settings.near_duplicates:
        above = f"{settings.near_duplicates:g}"
        parts.append(f"Pictures whose pixels correlate above {above}, also through others, are on one side.")
    if task.leaks:
        alike = " or nearly do" if settings.near_duplicates else ""
        parts.append(f"{task.leaks} rows were left out because their pixels occur in the test{alike}.")
    return " ".join(parts)


def write_report(folder: Path, report: BalanceReport) -> None:
    """Write report.json, report.md, report.txt and report.webp.

    Raises:
        DiskError: the place cannot be written.
    """
    write_json(folder / "report.json", report.to_json())
    draw_plot(report, folder / "report.webp")
    try:
        for name, text in (
            ("report.md", markdown(report, "Balancing", "report.webp")),
            ("report.txt", text_table(report) + "\n"),
        ):
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise DiskError(f"`out` must be a place that can be written, but {folder} cannot: {error}") from error
