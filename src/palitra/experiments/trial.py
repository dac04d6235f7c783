"""What an experiment is: a list of independent trials, each of one configuration and one seed.

A file of an experiment holds one `EXPERIMENT`; its name is its file's name, and `catalogue.py` lists it. The
runner keeps each trial as one JSON beside the trial's run folder and never runs a kept trial again, so `run`
must be able to go on in a folder in which it was killed. `page` sees the kept JSONs and files alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from palitra.experiments.processor_time import ProcessorClock


@dataclass(frozen=True)
class Scope:
    """What was asked for: the folder of the image sets, seeds, minutes of processor time for each training.

    `tiny` is a trial in seconds of everything: tiny presets and few pictures.
    """

    data: Path
    seeds: int = 3
    budget: float = 10.0
    tiny: bool = False


@dataclass(frozen=True)
class Trial:
    """One configuration by `name` (used in file names) and one seed.

    `settings` are plain JSON values that decide the outcome, without paths; they are kept with it, and a kept
    trial of other settings is refused.
    """

    name: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Name of its JSON and folder."""
        return f"{self.name}-{self.seed}"


@dataclass(frozen=True, eq=False)
class Place:
    """Where a trial works: its own folder, a folder shared by all trials of the experiment, the data.

    Trials may run at the same time: take `shared_lock` (of `kept.py`) to make something in `shared` once.
    `clock` counts the processor time of this trial over all its processes.
    """

    folder: Path
    shared: Path
    data: Path
    clock: ProcessorClock


@dataclass(frozen=True)
class Findings:
    """What a trial found.

    numbers: by name, the same names in all trials of an experiment where they make sense; None for "no such
    thing here". curves: lists of points. pictures: files in the trial's folder by what they show. protocol:
    how the numbers were made, one sentence or a few. files: what else of the folder the page reads.
    """

    numbers: Mapping[str, float | None]
    protocol: str
    curves: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kept:
    """A finished trial as its JSON has it; `failed` is the sentence of a training that broke down."""

    trial: Trial
    findings: Findings
    folder: Path
    failed: str | None = None
    processor_seconds: float = 0.0
    machine: str = ""
    version: str = ""


class Experiment(Protocol):
    """One comparison; without state of its own."""

    @property
    def name(self) -> str:
        """Of its file, of the command and of the page."""
        ...

    @property
    def title(self) -> str:
        """One line."""
        ...

    @property
    def seeds(self) -> int:
        """How many by default."""
        ...

    @property
    def budget(self) -> float:
        """Minutes of processor time for a training by default."""
        ...

    def trials(self, scope: Scope) -> Sequence[Trial]:
        """All trials of the scope, the same in every process; `InputError` where the data are not there."""
        ...

    def run(self, trial: Trial, place: Place) -> Findings:
        """Work a trial out, going on from what lies in its folder."""
        ...

    def page(self, kept: Sequence[Kept], docs: Path) -> str:
        """The Markdown page; its pictures are written into `docs`, their names beginning with `name`."""
        ...
