"""Dots with intervals: macro-F1 and recall of the rare classes of every strategy."""

from __future__ import annotations

from pathlib import Path

from palitra.balancing.report import BalanceReport
from palitra.balancing.tables import HEADS
from palitra.errors import DiskError

SHOWN = ("macro_f1", "minority_recall", "accuracy")


def draw_plot(report: BalanceReport, path: Path) -> Path:
    """Write a picture (.webp or .png) with a panel per score.

    Raises:
        DiskError: the place cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(SHOWN) + 2, 0.36 * len(report.rows) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(SHOWN), sharey=True)
    places = range(len(report.rows))[::-1]
    for panel, score in zip(panels, SHOWN, strict=True):
        for place, row in zip(places, report.rows, strict=True):
            mean, half = (100 * v for v in row.scores[score])
            colour = "tab:orange" if row.generated else "tab:blue"
            panel.errorbar(mean, place, xerr=None if half != half else half, fmt="o", color=colour, capsize=3)
        panel.axvline(100 * report.rows[0].scores[score][0], color="grey", lw=0.8, ls="--")
        panel.set_xlabel(f"{HEADS[score]}, %")
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(list(places), [r.title for r in report.rows])
    figure.suptitle(
        f"mean of {report.seeds} seeds and 95 % interval; orange: with generated pictures", size=9
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise DiskError(f"`out` must be a place that can be written, but {path} cannot: {error}") from error
    return path
