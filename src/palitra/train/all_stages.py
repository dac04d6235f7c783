"""`palitra train all`: every embedded model in order, resumable between the stages and inside each.

Each stage's folder holds `stage.json`: the settings, the fingerprints of the models it worked with, whether
it is done. A stage that is done is left alone; one whose needed models changed is made anew, its old folder
kept beside.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from palitra.data.check_shards import check_shards
from palitra.errors import InputError, PalitraError
from palitra.train.smoke_sets import copy_small
from palitra.train.stages import STAGES, Place, Stage

STATE = "stage.json"
MOST_BYTES = 90_000_000
"""Of all embedded files together."""


@dataclass(frozen=True)
class Made:
    """A finished model: its stage, its folder and the bytes in it."""

    name: str
    folder: Path
    size: int


def train_all(
    place: Place,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    tell: Callable[[str], None] = lambda line: None,
    stages: Sequence[Stage] = STAGES,
) -> list[Made]:
    """Make what is not made yet; returns all finished models. Everything is checked before anything is begun.

    Args:
        place: where, with what and on what.
        only: names of stages; the others are left out.
        skip: names of stages to leave out.
        tell: hears a line at the beginning of each stage.
        stages: the table.

    Raises:
        InputError: an unknown stage or setting, a stage without a model it needs, missing or broken shards,
            or a folder of a smoke run for a full one.
    """
    chosen = _choose(stages, only, skip)
    settings = {stage.name: _plain(stage.read_settings(place)) for stage in chosen}
    _check_settings_are_meant(place, stages)
    _check_needs(place, chosen, stages)
    for stage in chosen:
        _check_kind(place, stage)
    todo = [s for s in chosen if not _is_done(place, s, settings[s.name], stages)]
    begun = [s for s in todo if _state(place, s)]
    check_shards(place.data, [shard for s in todo if s not in begun for shard in s.shards])
    if place.smoke and todo:
        small = place.folder / "data"
        copy_small(place.data, small, [shard for s in todo for shard in s.shards])
        place = replace(place, data=small)
    for number, stage in enumerate(chosen, 1):
        # asked again: a stage before it may have changed what it works with
        if _is_done(place, stage, settings[stage.name], stages):
            tell(f"stage {number} of {len(chosen)}: {stage.name} is done")
            continue
        tell(f"stage {number} of {len(chosen)}: {stage.name}")
        _make(place, stage, settings[stage.name], stages, tell)
    return made(place, stages)


def made(place: Place, stages: Sequence[Stage] = STAGES) -> list[Made]:
    """Finished models of a place."""
    return [
        Made(s.name, place.weights / s.makes, _size(place.weights / s.makes))
        for s in stages
        if _state(place, s).get("done")
    ]


def summary(found: Sequence[Made]) -> str:
    """A line for each model and one for all together."""
    lines = [f"{m.name:<16}{m.size / 1e6:7.2f} MB  {m.folder}" for m in found]
    total = sum(m.size for m in found)
    over = "" if total <= MOST_BYTES else ": too much to embed"
    return "\n".join(
        [*lines, f"{'together':<16}{total / 1e6:7.2f} MB of at most {MOST_BYTES / 1e6:.0f}{over}"]
    )


def changes_by_stage(changes: Sequence[str]) -> dict[str, list[str]]:
    """Settings such as "mini.samples=500000" by stage.

    Raises:
        InputError: one without a stage or a value.
    """
    found: dict[str, list[str]] = {}
    for change in changes:
        stage, dot, rest = change.partition(".")
        if not dot or "=" not in rest or "=" in stage:
            raise InputError(f"`set` must look like stage.key=value, got {change}")
        found.setdefault(stage.strip(), []).append(rest)
    return found


def _make(
    place: Place, stage: Stage, settings: Any, stages: Sequence[Stage], tell: Callable[[str], None]
) -> None:
    run, needs = place.folder / stage.name, _needed(place, stage, stages)
    before = _state(place, stage)
    if before and before["needs"] != needs:
        kept = _put_aside(run)
        tell(f"{stage.name} is made anew, since what it works with has changed; the old run is in {kept}")
    state = {"settings": settings, "needs": needs, "smoke": place.smoke, "done": False}
    _write(run / STATE, state)
    stage.train(place, stage.read_settings(place), run, place.weights / stage.makes)
    _write(run / STATE, {**state, "done": True})


def _choose(stages: Sequence[Stage], only: Sequence[str], skip: Sequence[str]) -> list[Stage]:
    names = [stage.name for stage in stages]
    for option, given in (("only", only), ("skip", skip)):
        for name in given:
            if name not in names:
                raise InputError(f"`{option}` must be one of {', '.join(names)}, got {name}")
    chosen = [s for s in stages if (not only or s.name in only) and s.name not in skip]
    if not chosen:
        raise InputError("`only` and `skip` must leave a stage to make, got none")
    return chosen


def _check_settings_are_meant(place: Place, stages: Sequence[Stage]) -> None:
    names = [stage.name for stage in stages]
    for name in place.changes:
        if name not in names:
            raise InputError(f"`set` must begin with one of {', '.join(names)} and a dot, got {name}")


def _check_needs(place: Place, chosen: Sequence[Stage], stages: Sequence[Stage]) -> None:
    will = {stage.name for stage in chosen}
    table = {stage.name: stage for stage in stages}
    for stage in chosen:
        for name in stage.needs:
            if name not in will and not _state(place, table[name]).get("done"):
                raise InputError(
                    f"`only` and `skip` must leave {name} in for {stage.name}: {place.folder} holds none yet"
                )


def _check_kind(place: Place, stage: Stage) -> None:
    state = _state(place, stage)
    if state and state["smoke"] != place.smoke:
        kind = ("a full run", "a smoke run")[bool(state["smoke"])]
        raise InputError(f"`run` must be another folder, got {place.folder}, which holds {kind}")


def _is_done(place: Place, stage: Stage, settings: Any, stages: Sequence[Stage]) -> bool:
    state = _state(place, stage)
    same = bool(state.get("done")) and state["settings"] == settings
    return same and state["needs"] == _needed(place, stage, stages)


def _needed(place: Place, stage: Stage, stages: Sequence[Stage]) -> dict[str, str]:
    """Fingerprints of the models it works with."""
    return {s.name: _fingerprint(place.weights / s.makes) for s in stages if s.name in stage.needs}


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _plain(settings: Any) -> Any:
    """Settings as JSON gives them back."""
    return json.loads(json.dumps(asdict(settings)))


def _state(place: Place, stage: Stage) -> dict[str, Any]:
    path = place.folder / stage.name / STATE
    if not path.is_file():
        return {}
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        return {key: state[key] for key in ("settings", "needs", "smoke", "done")}
    except (ValueError, KeyError, TypeError) as error:
        raise PalitraError(f"`run` must have a whole {STATE} for {stage.name}, got {path}") from error


def _write(path: Path, state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


def _put_aside(run: Path) -> Path:
    number = 1
    while (kept := run.with_name(f"{run.name}-old-{number}")).exists():
        number += 1
    run.rename(kept)
    return kept
