"""`palitra metrics REAL FAKE`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer


def metrics(
    real: Annotated[Path, typer.Argument(metavar="REAL", help="A folder, a .parquet or an .npz file.")],
    fake: Annotated[Path, typer.Argument(metavar="FAKE", help="The same of the images to be judged.")],
    extractor: Annotated[
        list[str],
        typer.Option(help="inception, dinov2, clip, random; repeatable. NAME=PATH names its weights."),
    ] = ["random"],  # noqa: B006 - typer reads it, nobody changes it
    resize: Annotated[list[str], typer.Option(help="clean, tf1, torch; repeatable.")] = ["clean"],  # noqa: B006
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Only these: fid, kid, is, precision_recall … repeatable."),
    ] = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="Also FID within each class.")] = False,
    held_out: Annotated[
        Path | None, typer.Option(help="Real images that training did not see: tests for copies.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many images of each set, evenly spread.")
    ] = None,
    resamples: Annotated[int, typer.Option(help="Resamples of the intervals; 0 for none.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of subsets, splits and resamples.")] = 0,
    batch: Annotated[int, typer.Option(help="Images per call of a network.")] = 64,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    cache: Annotated[bool, typer.Option(help="Keep features of REAL for the next time.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines.")] = False,
) -> None:
    """Compare generated images with real ones: FID, KID, precision, recall, density, coverage and more."""
    from palitra.data.image_sets import open_image_set
    from palitra.errors import InputError, check_range
    from palitra.metrics.evaluate import Progress, evaluate
    from palitra.metrics.extractors import load_extractor
    from palitra.metrics.scores import ScoreSettings
    from palitra.models.device import choose_device
    from palitra.models.zoo import home

    check_range("resamples", resamples, 0, 100_000)
    check_range("batch", batch, 1, 4096)
    check_range("seed", seed, 0, 2**32 - 1)
    if limit is not None and limit < 1:
        raise InputError(f"`limit` must be at least 1, got {limit}")
    where = choose_device(device)
    networks = []
    for word in dict.fromkeys(extractor):
        name, _, path = word.partition("=")
        networks.append(load_extractor(name, Path(path) if path else None, where))
    sets = [open_image_set(path) for path in (real, fake, *([held_out] if held_out else []))]
    total = sum(min(len(s), limit or len(s)) for s in sets)
    with _bar(total) as (tick, stage):
        report = evaluate(
            sets[0],
            sets[1],
            networks,
            held_out=sets[2] if held_out else None,
            resizes=list(dict.fromkeys(resize)),
            metrics=metric or None,
            per_class=per_class,
            settings=ScoreSettings(seed=seed, resamples=resamples),
            limit=limit,
            batch=batch,
            cache=home() / "features" if cache else None,
            progress=Progress(tick, stage),
        )
    if as_json:
        shown = {
            "results": [r.to_dict() for r in report.results],
            "notes": list(report.notes),
            "skipped": list(report.skipped),
        }
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
        return
    for result in report.results:
        sys.stdout.write(f"{result}\n")
    for note in report.notes:
        sys.stderr.write(f"note: {note}\n")
    if report.skipped:
        sys.stderr.write(f"note: {len(report.skipped)} unreadable: {', '.join(report.skipped[:10])}\n")


@contextmanager
def _bar(total: int) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """A bar over images, then the name of the score that is worked out; silent without a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("images", total=total)
        yield (
            lambda count: progress.advance(task, count),
            lambda name: progress.update(task, description=name),
        )
