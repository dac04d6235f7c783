"""A progress bar of named stages, silent without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stage_bar() -> Iterator[tuple[Callable[[str, int], None], Callable[[int], None]]]:
    """Gives `stage(name, total)`, which begins a stage, and `tick(count)`, which goes on in it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield (
            lambda name, total: progress.reset(task, description=name, total=total),
            lambda count: progress.advance(task, count),
        )


@contextmanager
def trial_bar(name: str) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """Gives `total(count)` and `done(sentence)`; sentences stay as lines above the bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)

        def done(sentence: str) -> None:
            console.print(sentence)
            progress.advance(task)

        yield (lambda count: progress.update(task, total=count), done)
