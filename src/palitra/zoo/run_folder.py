"""A run's folder: what was trained on what, exact checkpoints, and the best and the last model.

run.json         configuration, picture shape, class names
checkpoint.safetensors   everything needed to go on as if never stopped
last.safetensors, best.safetensors   the averaged model, for sampling
scores.jsonl     the numbers of the training
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from palitra.errors import DiskError, InputError, WeightsError
from palitra.zoo.config import ZooConfig, build_config, first_difference
from palitra.zoo.families.family import Family, Shape
from palitra.zoo.families.make import make_family

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class RunCard:
    """What run.json holds."""

    config: ZooConfig
    shape: Shape
    names: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        values = self.config.model_dump(mode="json")
        return {"config": values, "shape": list(self.shape), "names": list(self.names)}

    def check_same(self, folder: Path) -> None:
        """Raise `WeightsError` if `folder` holds another configuration or data; names what differs."""
        if not (folder / "run.json").exists():
            return
        other = _read_json(folder / "run.json")
        difference = first_difference(self.config, other.get("config", {}))
        if difference is None and other.get("shape") != list(self.shape):
            difference = f"shape: {other.get('shape')}, not {list(self.shape)}"
        if difference is None and other.get("names") != list(self.names):
            difference = f"names: {other.get('names')}, not {list(self.names)}"
        if difference is not None:
            raise WeightsError(
                f"`run` must be a run of the same configuration, but {folder} has {difference}"
            )


def read_card(folder: Path) -> RunCard:
    """The card of a run.

    Raises:
        InputError: no run there, or a damaged card.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(f"`run` must be a folder made by `palitra zoo train`, got {folder}")
    values = _read_json(path)
    try:
        channels, height, width = values["shape"]
        return RunCard(build_config(values["config"]), (channels, height, width), tuple(values["names"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"`run` must have a whole run.json, got {path}") from error


def load_model(
    folder: Path, which: str = "best", device: torch.device | str = "cpu"
) -> tuple[Family, RunCard]:
    """The averaged model of a run, ready to draw; `best` falls back to `last`.

    Raises:
        InputError: no run there.
        WeightsError: no weights yet, or damaged ones.
    """
    if which not in ("best", "last"):
        raise InputError(f"`which` must be best or last, got {which}")
    card = read_card(folder)
    files = (f"{which}.safetensors", "last.safetensors", "model.safetensors")
    path = next((folder / file for file in files if (folder / file).exists()), None)
    if path is None:
        raise WeightsError(f"`run` must hold last.safetensors: train it first, got {folder}")
    model = make_family(card.config, card.shape, len(card.names))
    try:
        found = model.load_state_dict(load_file(path), strict=False)
    except (SafetensorError, RuntimeError) as error:
        raise _damaged(path) from error
    # an embedded model holds only what pictures are drawn with
    if found.unexpected_keys or any(model.draws_with(name) for name in found.missing_keys):
        raise _damaged(path)
    return model.to(device).eval().requires_grad_(False), card


def runs_and_data(places: Sequence[Path]) -> tuple[list[Path], Path]:
    """Which of several paths are runs, and the one that is data; in any order.

    Raises:
        InputError: no run, or not exactly one place without a run.
    """
    runs = [place for place in places if (place / "run.json").is_file()]
    others = [place for place in places if place not in runs]
    if len(others) != 1:
        named = f": {', '.join(map(str, others))}" if others else ""
        raise InputError(
            f"`data` must be 1 place beside runs (folders with run.json), got {len(others)}{named}"
        )
    if not runs:
        raise InputError(f"`run` must be a folder made by `palitra zoo train`, got only {others[0]}")
    return runs, others[0]


def _damaged(path: Path) -> WeightsError:
    return WeightsError(f"`run` must hold undamaged weights of its own configuration, got {path}")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write whole or not at all.

    Raises:
        DiskError: the disk is full or the place cannot be written.
    """
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, part, dict(metadata))
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise DiskError(
            f"`run` must be a place with room that can be written, but {path} cannot: {error}"
        ) from error


def write_card(folder: Path, card: RunCard) -> None:
    """Write run.json.

    Raises:
        DiskError: the place cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(card.to_json(), indent=1, ensure_ascii=False)
        (folder / "run.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise DiskError(f"`run` must be a place that can be written, but {folder} cannot: {error}") from error


def metadata_of(path: Path) -> dict[str, str]:
    """The text beside the tensors."""
    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"`run` must have a whole run.json, got {path}") from error
    return values if isinstance(values, dict) else {}
