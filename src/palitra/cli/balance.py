"""`palitra balance DATA`: do generated pictures of rare classes make a classifier better?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from palitra.balancing.seed_run import Watch


def balance(
    data: Annotated[Path, typer.Argument(help="A folder per class, or a CSV, parquet or npz file.")],
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="A rare class to fill; repeatable (default: all below the mean)."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Real test pictures (default: a quarter of every class is cut off).")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results and of the balanced set.")] = Path(
        "runs/balance"
    ),
    model: Annotated[str, typer.Option(help="Generator, by its name in the zoo.")] = "cvae",
    preset: Annotated[str, typer.Option(help="tiny, small (2 CPU cores) or paper.")] = "small",
    change: Annotated[
        list[str] | None, typer.Option("--set", help="part.field=value of the generator; repeatable.")
    ] = None,
    evenness: Annotated[
        float, typer.Option(help="How evenly the generator is shown the classes: 0 as they are, 1 equally.")
    ] = 0.5,
    guidance: Annotated[float | None, typer.Option(help="w of a diffusion generator.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a diffusion generator.")] = None,
    target: Annotated[
        float, typer.Option(help="Share of the gap to the largest class that is filled, up to 1.")
    ] = 1.0,
    weight: Annotated[float, typer.Option(help="Weight of generated rows in the loss, 0 to 1.")] = 0.5,
    confidence: Annotated[
        float, typer.Option(help="Least probability of the wanted class for a picture to stay; 0: all stay.")
    ] = 0.5,
    strategies: Annotated[
        str | None, typer.Option(help="Names with commas between (default: all); `nothing` is always there.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How often everything is repeated.")] = 5,
    samples: Annotated[int, typer.Option(help="Pictures each classifier is shown.")] = 40_000,
    flips: Annotated[str, typer.Option(help="Of augmentation: none, horizontal or both.")] = "horizontal",
    long_tail: Annotated[
        float | None, typer.Option(help="Make DATA imbalanced first: most over fewest rows.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Side to bring the pictures to, such as 32 or 64.")] = None,
    channels: Annotated[
        int | None, typer.Option(help="1 or 3 channels (default: the pictures' own).")
    ] = None,
    fit: Annotated[str, typer.Option(help="crop (and resize), or pad smaller pictures.")] = "crop",
    column: Annotated[str, typer.Option(help="Column of the labels in CSV and parquet.")] = "label",
    group: Annotated[
        str | None, typer.Option(help="Column of groups (people, videos) that never go to two sides.")
    ] = None,
    near_duplicates: Annotated[
        float | None,
        typer.Option(help="Pictures whose pixels correlate above this never go to two sides, such as 0.95."),
    ] = None,
    write: Annotated[bool, typer.Option(help="Write the balanced set as pictures.")] = True,
    device: Annotated[str, typer.Option(help="Of the generator: auto, cpu, cuda, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fill up rare classes with generated pictures and measure it against what is simpler.

    Every strategy trains the same small classifier with several seeds; the test pictures are real and nothing
    learns from them. The same command goes on where it was stopped.
    """
    from palitra.balancing.balance import balance as compare
    from palitra.balancing.classifier import Budget
    from palitra.balancing.generator import GeneratorChoice
    from palitra.balancing.read import read_balance
    from palitra.balancing.settings import BalanceSettings
    from palitra.balancing.sieve import SieveSettings
    from palitra.balancing.strategies.catalogue import find_strategies, strategy_names
    from palitra.balancing.tables import text_table
    from palitra.balancing.task import make_task
    from palitra.balancing.written_set import write_set
    from palitra.models.device import choose_device

    names = strategy_names() if strategies is None else tuple(strategies.replace(" ", "").split(","))
    settings = BalanceSettings(
        rare=tuple(label or ()),
        target=target,
        weight=weight,
        seeds=seeds,
        strategies=names,
        generator=GeneratorChoice(model, preset, tuple(change or ()), evenness, guidance, steps),
        sieve=SieveSettings(confidence=confidence),
        budget=Budget(samples=samples, flips=flips),  # type: ignore[arg-type]
        near_duplicates=near_duplicates,
    )
    settings.check()
    read = read_balance(data, test, size, channels, fit, column, group, long_tail)
    task = make_task(read.data, read.test, settings, read.groups)
    _say(read.told)
    with _bar(seeds * (len(find_strategies(names)) + 1) * samples) as watch:
        report, run = compare(task, settings, out, choose_device(device), watch)
    if write:
        made = run.synthetic
        with _bar(len(task.pool) + len(made.labels), "writing") as watch:
            write_set(out / "balanced", task.pool, made, weight, lambda: watch.tick(1))
    sys.stdout.write((json.dumps(report.to_json()) if as_json else text_table(report)) + "\n")
    _say(f"report: {out / 'report.md'}" + (f"; balanced set: {out / 'balanced'}" if write else ""))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@contextmanager
def _bar(total: int, name: str = "balance") -> Iterator[Watch]:
    """A bar over pictures learnt from; it makes room while a generator shows its own."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from palitra.balancing.seed_run import Watch

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = progress.add_task(name, total=total)

    @contextmanager
    def aside() -> Iterator[None]:
        progress.stop()
        try:
            yield
        finally:
            progress.start()

    def begin(seed: int, strategy: str) -> None:
        progress.update(task, description=f"seed {seed}: {strategy}")
        if not console.is_terminal:
            _say(f"seed {seed}: {strategy}")

    advance: Callable[[int], None] = lambda pictures: progress.advance(task, pictures)  # noqa: E731
    with progress:
        yield Watch(begin, advance, aside)
