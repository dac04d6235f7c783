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
