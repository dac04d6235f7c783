"""Results on disk: one JSON per seed and strategy, and the settings that all of them share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from palitra.errors import DiskError, InputError

SETTINGS = "settings.json"


@dataclass(frozen=True)
class Outcome:
    """One strategy with one seed: classes seen on the test rows, and numbers.

    scores, validation: of `scores.scores` on test and validation rows. recalls: by class. rows: training rows
    by class. about: what else is known, such as what became of generated pictures.
    """

    strategy: str
    seed: int
    predictions: list[int]
    scores: dict[str, float]
    validation: dict[str, float]
    recalls: list[float]
    rows: list[int]
    seconds: float
    about: dict[str, Any]


def outcome_path(folder: Path, seed: int, strategy: str) -> Path:
    """Where an outcome is kept."""
    return folder / f"seed-{seed}" / f"{strategy}.json"


def read_outcome(path: Path) -> Outcome | None:
    """A kept outcome; None if it is not there or was not written to its end."""
    try:
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write whole or not at all."""
    write_json(path, asdict(outcome))


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON whole or not at all.

    Raises:
        DiskError: the place cannot be written.
    """
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(values, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise DiskError(f"`out` must be a place that can be written, but {path} cannot: {error}") from error


def check_same_settings(folder: Path, values: Mapping[str, Any]) -> None:
    """Note the settings of a new folder, or see that they are those of a begun one.

    Raises:
        InputError: the folder holds results of other settings or data; names the first that differs.
    """
    path = folder / SETTINGS
    plain = json.loads(json.dumps(values))
    if not path.exists():
        write_json(path, plain)
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"`out` must have a whole {SETTINGS}, got {path}") from error
    for name, value in _flat(plain).items():
        there = _flat(before).get(name)
        if there != value:
            raise InputError(
                f"`out` must be a folder of the same settings, but {folder} has {name}: {there}, not {value}"
            )


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = _flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value}
        found |= inner
    return found
