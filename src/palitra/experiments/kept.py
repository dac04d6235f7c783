"""Trials on disk: one JSON each beside its run folder, written whole or not at all, and locks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from palitra.errors import DiskError, InputError
from palitra.experiments.trial import Findings, Kept, Trial

SHARED = "shared"


def trial_folder(out: Path, experiment: str, trial: Trial) -> Path:
    """Where a trial works; its JSON has the same name with .json."""
    return out / experiment / trial.key


def keep(kept: Kept, experiment: str) -> None:
    """Write a trial's JSON beside its folder.

    Raises:
        DiskError: the place cannot be written.
    """
    path = _json_of(kept.folder)
    values = {
        "experiment": experiment,
        "trial": asdict(kept.trial),
        "findings": asdict(kept.findings),
        "failed": kept.failed,
        "processor_seconds": kept.processor_seconds,
        "machine": kept.machine,
        "version": kept.version,
    }
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise DiskError(f"`out` must be a place that can be written, but {path} cannot: {error}") from error


def find_kept(out: Path, experiment: str, trial: Trial) -> Kept | None:
    """The kept trial, None if there is none yet.

    Raises:
        InputError: it was kept with other settings, or its JSON is damaged.
    """
    folder = trial_folder(out, experiment, trial)
    if not _json_of(folder).exists():
        return None
    found = _read(_json_of(folder))
    mine, theirs = _flat(_plain(trial.settings)), _flat(found.trial.settings)
    for name in dict.fromkeys([*mine, *theirs]):
        if mine.get(name) != theirs.get(name):
            raise InputError(
                f"`out` must hold trials of the same settings, but {_json_of(folder)} has {name} "
                f"{theirs.get(name)}, not {mine.get(name)}"
            )
    return found


def read_all(out: Path, experiment: str) -> list[Kept]:
    """Every kept trial of an experiment, by name and seed.

    Raises:
        InputError: there is none, or one is damaged.
    """
    paths = sorted((out / experiment).glob("*.json"))
    if not paths:
        raise InputError(f"`out` must hold kept trials of {experiment}, got none in {out / experiment}")
    return sorted((_read(path) for path in paths), key=lambda k: (k.trial.name, k.trial.seed))


@contextmanager
def shared_lock(shared: Path, name: str) -> Iterator[None]:
    """Only one process at a time is inside for the same name."""
    shared.mkdir(parents=True, exist_ok=True)
    with FileLock(shared / f"{name}.lock"):
        yield


@contextmanager
def trial_lock(out: Path, experiment: str, trial: Trial, wait: bool = False) -> Iterator[bool]:
    """True for the one process that may work on the trial now; a killed process leaves no lock.

    With `wait` the others come in one after the other.
    """
    folder = trial_folder(out, experiment, trial)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"`out` must be a place that can be written, but {folder} cannot: {error}") from error
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _json_of(folder: Path) -> Path:
    # not with_suffix: names may have dots
    return folder.with_name(f"{folder.name}.json")


def _read(path: Path) -> Kept:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        trial, findings = Trial(**values["trial"]), Findings(**values["findings"])
        return Kept(
            trial,
            findings,
            path.with_name(path.name.removesuffix(".json")),
            values["failed"],
            float(values["processor_seconds"]),
            values["machine"],
            values["version"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"`out` must hold undamaged trials, got {path}: remove it to run it again"
        ) from error


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested fields by their path, so that a message names the one that differs."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return found


def _plain(settings: Any) -> dict[str, Any]:
    """As JSON gives it back: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(settings)))
    return plain
