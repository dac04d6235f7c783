"""Pictures of a page: sheets as they are kept, one row per model, curves and bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from palitra.experiments.table import by_name
from palitra.experiments.trial import Kept

QUALITY = 80
NAME_WIDTH, NAME_HEIGHT = 0.25, 0.035
"""Of a point's name, as shares of a plot's sides."""


def save_webp(image: Image.Image, path: Path) -> str:
    """Write a picture; returns its file name."""
    image.save(path, "WEBP", quality=QUALITY, method=6)
    return path.name


def kept_picture(one: Kept, which: str) -> Image.Image | None:
    """A picture of a trial, None if it has none."""
    name = one.findings.pictures.get(which)
    if name is None or not (one.folder / name).is_file():
        return None
    with Image.open(one.folder / name) as file:
        return file.convert("RGB")


def first_picture(kept: Sequence[Kept], which: str) -> Image.Image | None:
    """The picture of the first trial that has it."""
    return next((image for one in kept if (image := kept_picture(one, which)) is not None), None)


def rows_of_models(kept: Sequence[Kept], path: Path, which: str = "row") -> str | None:
    """The kept `which` of a seed of each configuration, one below the other with its name."""
    rows = []
    for name, group in by_name(kept).items():
        image = first_picture(group, which)
        if image is not None:
            rows.append((name, image))
    if not rows:
        return None
    font = ImageFont.load_default(13)
    margin = 12 + int(max(font.getlength(name) for name, _ in rows))
    width = margin + max(image.width for _, image in rows) // 2
    page = Image.new("RGB", (width, sum(image.height // 2 + 2 for _, image in rows)), "white")
    draw, y = ImageDraw.Draw(page), 0
    for name, image in rows:
        small = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        page.paste(small, (margin, y))
        draw.text((4, y + small.height / 2), name, "black", font, anchor="lm")
        y += small.height + 2
    return save_webp(page, path)


def sheet_of(kept: Sequence[Kept], path: Path, which: str = "sheet") -> str | None:
    """The kept sheet of the first seed that has one, at half its size."""
    image = first_picture(kept, which)
    if image is None:
        return None
    return save_webp(image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS), path)


def line_plot(
    lines: Mapping[str, Sequence[Sequence[float]]],
    path: Path,
    x: str,
    y: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    marks: bool = False,
) -> str:
    """Points (x, y) or (x, y, spread) of each line; the spread is drawn as a band."""
    figure, axes = _figure()
    for number, (name, points) in enumerate(lines.items()):
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        style = ("-", "--", ":", "-.")[number // 10 % 4]
        axes.plot(xs, ys, style, label=name, marker="o" if marks else None, markersize=4, linewidth=1.6)
        if points and len(points[0]) > 2:
            low, high = ([p[1] + s * p[2] for p in points] for s in (-1, 1))
            axes.fill_between(xs, low, high, alpha=0.15)
    if log_x:
        axes.set_xscale("log")
        _plain_ticks(axes.xaxis)
    if log_y:
        axes.set_yscale("log")
        _plain_ticks(axes.yaxis)
    axes.legend(fontsize=8, ncols=1 + len(lines) // 8)
    return _save(figure, axes, path, x, y)


def scatter_plot(points: Mapping[str, tuple[float, float]], path: Path, x: str, y: str) -> str:
    """A named point each, x logarithmic; names of points that lie close stand one above the other."""
    figure, axes = _figure()
    axes.set_xscale("log")
    for a, b in points.values():
        axes.plot([a], [b], "o", color="#33639b")
    # room for the names
    axes.margins(x=0.12, y=0.1)
    _plain_ticks(axes.xaxis)
    # limits and layout are settled only now, and places are asked of them
    figure.draw_without_rendering()
    taken: list[tuple[float, float]] = []
    for name, (a, b) in sorted(points.items(), key=lambda point: point[1][1]):
        across, up = axes.transAxes.inverted().transform(axes.transData.transform((a, b)))
        height = up
        while any(abs(height - h) < NAME_HEIGHT and abs(across - c) < NAME_WIDTH for c, h in taken):
            height += NAME_HEIGHT / 4
        taken.append((across, height))
        side = ("left", 6) if across < 0.7 else ("right", -6)
        raised = 4 + (height - up) * figure.get_size_inches()[1] * 72
        axes.annotate(
            name, (a, b), textcoords="offset points", xytext=(side[1], raised), ha=side[0], fontsize=8
        )
    return _save(figure, axes, path, x, y)


def _plain_ticks(axis: Any) -> None:
    """Numbers as numbers, also where they span less than a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:,.10g}"))
    axis.set_minor_formatter(FuncFormatter(lambda value, place: ""))


def _figure() -> tuple[Any, Any]:
    # no pyplot: it keeps figures and picks a window system for the whole process
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _save(figure: Any, axes: Any, path: Path, x: str, y: str) -> str:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    figure.savefig(path, format="webp", pil_kwargs={"quality": 90, "method": 6})
    return path.name
