"""Finished trials in a small folder of their own, for version control and for other machines.

RECORDS/NAME/KEY.json is a kept trial as `kept.py` writes it; RECORDS/NAME/KEY/ has the files that pages read.
Trainings, generated pictures and logs stay where they were made: a record is all that a page and the next
seeds need, not what a trial would need to go on.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from palitra.errors import DiskError
from palitra.experiments.kept import read_all
from palitra.experiments.trial import Kept


def leave_records(out: Path, experiment: str, records: Path) -> int:
    """Copy finished trials of `out` that `records` lacks; returns how many.

    Pictures are left of the first seed of a configuration that has some alone: pages show no others.

    Raises:
        DiskError: `records` cannot be written.
    """
    return _copy_lacking(out, experiment, records, first_seed_only=True)


def take_records(records: Path, experiment: str, out: Path) -> int:
    """Copy recorded trials that `out` lacks; returns how many. Of other settings they are refused when used.

    Raises:
        DiskError: `out` cannot be written.
        InputError: a record is damaged.
    """
    return _copy_lacking(records, experiment, out, first_seed_only=False)


def _copy_lacking(source: Path, experiment: str, target: Path, first_seed_only: bool) -> int:
    if not any((source / experiment).glob("*.json")):
        return 0
    count, shown = 0, set[str]()
    for one in read_all(source, experiment):
        first = one.trial.name not in shown
        if one.findings.pictures:
            shown.add(one.trial.name)
        if (target / experiment / f"{one.folder.name}.json").exists():
            continue
        files = [*one.findings.files]
        if first or not first_seed_only:
            files += one.findings.pictures.values()
        try:
            _copy(one, files, target / experiment)
        except OSError as error:
            raise DiskError(
                f"`records` and `out` must be folders that can be written, but {target} cannot: {error}"
            ) from error
        count += 1
    return count


def _copy(one: Kept, files: list[str], target: Path) -> None:
    # names of files and of the trial stand in a JSON of another machine: none may lead out of its folder
    key, inside = one.folder.name, one.folder.resolve()
    for name in files:
        source = (one.folder / name).resolve()
        if source.is_file() and source.is_relative_to(inside):
            place = target / key / source.relative_to(inside)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
    target.mkdir(parents=True, exist_ok=True)
    # the JSON last and whole: it says that the trial is there; commands side by side may leave the same one
    part = target / f"{key}-{os.getpid()}.part"
    shutil.copyfile(one.folder.with_name(f"{key}.json"), part)
    os.replace(part, target / f"{key}.json")
