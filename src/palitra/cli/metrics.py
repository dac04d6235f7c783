"""`palitra metrics REAL FAKE`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from palitra.metrics.result import Result


def metrics(
    real: Annotated[Path, typer.Argument(metavar="REAL", help="A folder, a .parquet or an .npz file.")],
    fake: Annotated[Path, typer.Argument(metavar="FAKE", help="The same of the images to be judged.")],
    extractor: Annotated[
        list[str] | None,
        typer.Option(
            help="eye (the default), inception, vgg16, dinov2, clip, facenet, arcface, random; or NAME=PATH."
        ),
    ] = None,
    resize: Annotated[list[str], typer.Option(help="clean, tf1, torch; repeatable.")] = ["clean"],  # noqa: B006
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="Only these: fid, kid, is, precision_recall … and, by name only, agreement, cas, identity.",
        ),
    ] = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="Also FID within each class.")] = False,
    held_out: Annotated[
        Path | None, typer.Option(help="Real images that training did not see: tests for copies.")
    ] = None,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Also PSNR, SSIM, LPIPS of images with the same file name.")
    ] = False,
    captions: Annotated[
        str | None,
        typer.Option(
            help="Also the CLIP score of FAKE: `column`, or a csv or parquet with file and caption."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many images of each set, evenly spread.")
    ] = None,
    resamples: Annotated[int, typer.Option(help="Resamples of the intervals; 0 for none.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of subsets, splits and resamples.")] = 0,
    batch: Annotated[int, typer.Option(help="Images per call of a network.")] = 64,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    ray: Annotated[
        str | None, typer.Option(help="Work out features on a Ray cluster: local, auto, or its address.")
    ] = None,
    cache: Annotated[bool, typer.Option(help="Keep features of REAL for the next time.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines.")] = False,
) -> None:
    """Compare generated images with real ones: FID, KID, precision, recall, density, coverage and more."""
    from functools import partial

    import torch

    from palitra.data.image_sets import open_image_set
    from palitra.errors import InputError, check_range
    from palitra.metrics.evaluate import Progress, evaluate
    from palitra.metrics.evaluate_pairs import evaluate_captions, evaluate_pairs
    from palitra.metrics.extract_shard import ExtractorSource
    from palitra.metrics.extractors import default_extractor, load_extractor
    from palitra.metrics.one_pass import Elsewhere
    from palitra.metrics.scores import ScoreSettings
    from palitra.models.device import choose_device
    from palitra.models.zoo import home
    from palitra.scale.ray_shards import RayShards

    check_range("resamples", resamples, 0, 100_000)
    check_range("batch", batch, 1, 4096)
    check_range("seed", seed, 0, 2**32 - 1)
    if limit is not None and limit < 1:
        raise InputError(f"`limit` must be at least 1, got {limit}")
    where = choose_device(device)
    named = {
        name: Path(path) if path else None
        for name, _, path in (w.partition("=") for w in extractor or [default_extractor()])
    }
    networks = [load_extractor(name, path, where) for name, path in named.items()]
    sets = [open_image_set(path) for path in (real, fake, *([held_out] if held_out else []))]
    settings = ScoreSettings(seed=seed, resamples=resamples)
    sizes = [min(len(s), limit or len(s)) for s in sets]
    total = sum(sizes) + pairs * sum(sizes[:2]) + (captions is not None) * sizes[1]
    with _bar(total) as (tick, stage):
        results: list[Result] = []
        notes: list[str] = []
        # first, since what these lack is known at once
        if pairs:
            stage("pairs")
            more, left_out = evaluate_pairs(sets[0], sets[1], settings, device=where, limit=limit, tick=tick)
            results += more
            notes += left_out
        if captions is not None:
            stage("captions")
            reader = next((n for n in named if n in ("clip", "eye")), "clip")
            table = None if captions == "column" else Path(captions)
            results.append(
                evaluate_captions(
                    sets[1],
                    table,
                    settings,
                    extractor=reader,
                    weights=named.get(reader),
                    device=where,
                    limit=limit,
                    batch=batch,
                    tick=tick,
                )
            )
        stage("images")
        judge = partial(
            evaluate,
            sets[0],
            sets[1],
            networks,
            held_out=sets[2] if held_out else None,
            resizes=list(dict.fromkeys(resize)),
            metrics=metric or None,
            per_class=per_class,
            settings=settings,
            limit=limit,
            batch=batch,
            cache=home() / "features" if cache else None,
            progress=Progress(tick, stage),
        )
        if ray is None:
            report = judge()
        else:
            threads = torch.get_num_threads()
            sources = {n: ExtractorSource(n, path, str(where), threads) for n, path in named.items()}
            with RayShards(ray) as cluster:
                report = judge(elsewhere=Elsewhere(cluster, sources))
    results = [*report.results, *results]
    notes = [*report.notes, *notes]
    _say(results, notes, report.skipped, as_json)


def _say(results: Sequence[Result], notes: Sequence[str], skipped: Sequence[str], as_json: bool) -> None:
    if as_json:
        shown = {
            "results": [r.to_dict() for r in results],
            "notes": list(notes),
            "skipped": list(skipped),
        }
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
        return
    for result in results:
        sys.stdout.write(f"{result}\n")
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    if skipped:
        sys.stderr.write(f"note: {len(skipped)} unreadable: {', '.join(skipped[:10])}\n")


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
