"""Shares of preference as a picture: a row per pair of arms, a column per question."""

from __future__ import annotations

from pathlib import Path

from palitra.study.report import Report
from palitra.study.table import TITLES


def plot_shares(path: Path, report: Report) -> None:
    """Write a PNG: the share of `first` with its interval against the line of 50 %."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = len(report.questions[0].shares)
    figure = Figure(figsize=(10, 1.6 + 0.36 * rows), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    columns = figure.subplots(1, len(report.questions), sharey=True, squeeze=False)[0]
    for axes, told, colour in zip(columns, report.questions, ("C0", "C2"), strict=True):
        names = [f"{s.first} over {s.second}" for s in told.shares]
        for y, s in enumerate(told.shares):
            if s.share is not None:
                sides = [[100 * max(0.0, s.share - s.low)], [100 * max(0.0, s.high - s.share)]]
                axes.errorbar(100 * s.share, y, xerr=sides, fmt="o", color=colour, capsize=3)
        axes.axvline(50, color="grey", linewidth=1, linestyle="--")
        axes.set_xlim(0, 100)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_yticks(range(rows), names)
        axes.set_xlabel(f"preferred, % (interval at {100 * report.level:g} %)")
        axes.set_title(TITLES[told.question], fontsize=10.5)
        axes.grid(axis="x", alpha=0.25)
    figure.suptitle(f"{report.title or report.study}: {report.participants} participants")
    figure.savefig(path)
