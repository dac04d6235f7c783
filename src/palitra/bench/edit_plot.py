"""The trade-off of editing as a picture: what the words gained against what the photo lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from palitra.bench.edit_table import ArmResult

WORDS, PHOTO = "agreement@eye", "lpips@eye"
MARKERS = "os^"


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
    """A point per arm with intervals at 95 % both ways; up and left is better; a method's arms are joined.

    The legend names the methods, those on the front first; beside a point stands only what tells an arm from
    the others of its method. Points on the front have a black edge.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 6.2), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    front = set(on_front(arms, kind))
    methods: dict[str, list[ArmResult]] = {}
    for arm in arms:
        methods.setdefault(arm.name.partition(" ")[0], []).append(arm)
    shown = sorted(methods, key=lambda name: not any(arm.name in front for arm in methods[name]))
    for place, method in enumerate(shown):
        colour, marker = f"C{place % 10}", MARKERS[place // 10 % len(MARKERS)]
        label = method + (" (front)" if any(arm.name in front for arm in methods[method]) else "")
        points = []
        for arm in methods[method]:
            words, photo = arm.mean(WORDS, kind), arm.mean(PHOTO, kind)
            if words is None or photo is None:
                continue
            x, y = photo.value, words.value
            points.append((x, y))
            best = arm.name in front
            axes.errorbar(
                x,
                y,
                xerr=[[x - photo.interval.low], [photo.interval.high - x]],
                yerr=[[y - words.interval.low], [words.interval.high - y]],
                fmt=marker,
                color=colour,
                markersize=9 if best else 6,
                markeredgecolor="black" if best else colour,
                elinewidth=0.8,
                label=None if len(points) > 1 else label,
            )
            varies = arm.name.partition(" ")[2]
            axes.annotate(varies, (x, y), xytext=(6, 5), textcoords="offset points", fontsize=7.5)
        if len(points) > 1:
            axes.plot(*zip(*sorted(points), strict=True), color=colour, alpha=0.35, linewidth=1)
    axes.set_xlabel("lpips@eye to the photo (less is nearer)")
    axes.set_ylabel("agreement@eye with the target words (more is better)")
    axes.set_title(title)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside right center", fontsize=8.5, frameon=False)
    figure.savefig(path)
