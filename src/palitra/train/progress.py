"""A training progress bar with ETA, which also keeps a small CSV log."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class TrainingBar:
    """Context manager; `advance` shows the numbers of a step and logs every 10th.

    Without a terminal a plain line is printed every 50 steps and at the last, so that a log file stays
    readable.
    """

    def __init__(self, name: str, total: int, start: int, log: Path) -> None:
        self.name, self.total, self.start, self.log = name, total, start, log
        self.console = Console(stderr=True)
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=self.console, disable=not self.console.is_terminal)
        self.task = self.progress.add_task(name, total=total, completed=start, numbers="")
        self.mean: dict[str, float] = {}
        self.began = time.monotonic()

    def __enter__(self) -> TrainingBar:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def advance(self, index: int, **numbers: float) -> None:
        """Note the numbers of step `index`; shown smoothed over about 50 steps."""
        for key, value in numbers.items():
            self.mean[key] = value if key not in self.mean else 0.98 * self.mean[key] + 0.02 * value
        shown = " ".join(f"{k} {v:.4g}" for k, v in self.mean.items())
        self.progress.update(self.task, completed=index + 1, numbers=shown)
        if (index + 1) % 10 == 0:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(
                    f"{index + 1},{time.time():.0f}," + ",".join(f"{v:.6g}" for v in numbers.values()) + "\n"
                )
        if not self.console.is_terminal and ((index + 1) % 50 == 0 or index + 1 == self.total):
            pace = (time.monotonic() - self.began) / (index + 1 - self.start)
            left = pace * (self.total - index - 1) / 60
            self.console.print(
                f"{self.name} {index + 1}/{self.total} {shown} {pace:.2f} s/step, {left:.0f} min left",
                soft_wrap=True,
            )
