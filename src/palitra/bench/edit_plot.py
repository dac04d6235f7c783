"""The trade-off of editing as a picture: what the words gained against what the photo lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from palitra.bench.edit_table import ArmResult

WORDS, PHOTO = "agreement@eye", "lpips@eye"


def on_front(arms: Sequence[ArmResult], kind: str | None = None) -> list[str]:
    """Arms that no other arm beats in both axes (more agreement and less distance)."""
    points = {}
    for arm in arms:
        words, photo = arm.mean(WORDS, kind), arm.mean(PHOTO, kind)
        if words is not None and photo is not None:
            points[arm.name] = (words.value, -photo.value)
    return [
        name
        for name, mine in points.items()
        if not any(o[0] >= mine[0] and o[1] >= mine[1] and o != mine for o in points.values())
    ]


def plot_trade_off(path: Path, arms: Sequence[ArmResult], kind: str, title: str) -> None:
    """A point per arm with intervals at 95 % both ways; up and left is better; a method's arms are joined."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.2), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours: dict[str, str] = {}
    front = on_front(arms, kind)
    lines: dict[str, list[tuple[float, float]]] = {}
    for arm in arms:
        words, photo = arm.mean(WORDS, kind), arm.mean(PHOTO, kind)
        if words is None or photo is None:
            continue
        method = arm.name.split(" ")[0]
        colour = colours.setdefault(method, f"C{len(colours) % 10}")
        marker = "o" if len(colours) <= 10 else "s"
        x, y = photo.value, words.value
        axes.errorbar(
            x,
            y,
            xerr=[[x - photo.interval.low], [photo.interval.high - x]],
            yerr=[[y - words.interval.low], [words.interval.high - y]],
            fmt=marker,
            color=colour,
            markersize=8 if arm.name in front else 5,
            elinewidth=0.8,
            alpha=0.9,
        )
        axes.annotate(arm.name, (x, y), xytext=(6, 5), textcoords="offset points", fontsize=7.5, color=colour)
        lines.setdefault(method, []).append((x, y))
    for method, points in lines.items():
        if len(points) > 1:
            axes.plot(*zip(*sorted(points), strict=True), color=colours[method], alpha=0.35, linewidth=1)
    axes.set_xlabel("lpips@eye to the photo (less is nearer)")
    axes.set_ylabel("agreement@eye with the target words (more is better)")
    axes.set_title(title)
    axes.grid(alpha=0.25)
    figure.savefig(path)
