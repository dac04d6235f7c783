"""One command's run: loading, progress, saving as pictures are done, stopping on Ctrl-C."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, TracebackType

from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from palitra.core.progress import Hooks, StepEvent
from palitra.data.notes import Note
from palitra.data.picture_files import save_picture, unique_path
from palitra.data.sheets import contact_sheet
from palitra.errors import Cancelled, ImageError
from palitra.recipes.picture import Picture, Run
from palitra.studio import Studio, load


class Session:
    """Context manager around one command; `files` are the pictures saved so far."""

    def __init__(self, out: Path, quiet: bool, name: str = "picture") -> None:
        self.out, self.quiet, self.name = out, quiet, name
        self.files: list[Path] = []
        self.said: set[str] = set()
        self.by_seed: dict[int, Path] = {}
        self.stopped = False
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self.progress = Progress(
            *columns, console=console, transient=True, disable=quiet or not console.is_terminal
        )

    def __enter__(self) -> Session:
        self._before = signal.signal(signal.SIGINT, self._stop)
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        signal.signal(signal.SIGINT, self._before)
        if isinstance(error, Cancelled) and self.files:
            sys.stderr.write(f"palitra: {len(self.files)} finished pictures are kept in {self.out}\n")

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """The first Ctrl-C ends after the running step, the second at once."""
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True

    def check_file(self, path: Path) -> None:
        """Say at once, before a model is loaded, when there is no such file."""
        if not path.is_file():
            raise ImageError(f"`image` must name a picture file, got {path}")

    def load(self, model: str, device: str, predictor: Path | None = None) -> Studio:
        """Load a model with a moving bar."""
        task = self.progress.add_task(f"loading {model}", total=None)
        studio = load(model, device, predictor)
        self.progress.remove_task(task)
        return studio

    def notes(self, notes: Iterable[Note]) -> None:
        """Say what was done to the input; the same words are said once in a command."""
        if not self.quiet:
            for text in (note.text("en") for note in notes):
                if text not in self.said:
                    self.said.add(text)
                    sys.stderr.write(f"note: {text}\n")

    def say(self, words: str) -> None:
        """A line for the user beside the bars."""
        if not self.quiet:
            sys.stderr.write(f"{words}\n")

    def hooks(self, pictures: int, steps: int) -> Hooks:
        """A bar over all steps of all batches, and the stop on Ctrl-C."""
        task = self.progress.add_task("drawing", total=pictures * steps)

        def on_step(event: StepEvent) -> None:
            self.progress.advance(task, len(event.latent))

        return Hooks(on_step, lambda: self.stopped)

    def save(self, picture: Picture) -> None:
        """Write one finished picture at once."""
        path = unique_path(self.out / f"{self.name}-{picture.seed}.png")
        save_picture(picture.image, path, picture.recipe)
        self.files.append(path)
        self.by_seed[picture.seed] = path

    def ordered(self, run: Run) -> list[Path]:
        """Saved files in the run's order (best first with `--best-of`)."""
        return [self.by_seed[p.seed] for p in run.pictures]

    def sheet(self, run: Run, title: str, sketch: Image.Image | None = None) -> Path:
        """Write a contact sheet of the sketch and the pictures."""
        images = [p.image for p in run.pictures]
        captions = [f"seed {p.seed}" for p in run.pictures]
        if sketch is not None:
            images, captions = [sketch.convert("RGB"), *images], ["sketch", *captions]
        sheet = contact_sheet(images, min(len(images), 5), captions=captions, title=title)
        path = unique_path(self.out / f"{self.name}-sheet.png")
        save_picture(sheet, path, {})
        return path
