"""Sets of edits: which photo, what it shows, what it should become.

Three forms are read: a CSV with the columns image, source, target, type and, where wanted, id and mask (a
picture, white is edited); a JSON object {id: [type, image, source, target]}; and PIE-Bench's mapping file
(arXiv 2310.01506): image_path, original_prompt, editing_prompt, editing_type_id, mask as runs. Brackets in
PIE-Bench's prompts mark words and are dropped. Paths are relative to the file, PIE-Bench's to its folder
`annotation_images`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from palitra.data.images import open_image
from palitra.errors import InputError

PIE_SIDE = 512
PIE_TYPES = (
    *("random", "change object", "add object", "delete object", "change content", "change pose"),
    *("change colour", "change material", "change background", "change style"),
)


@dataclass(frozen=True)
class EditCase:
    """One wish for one photo. mask_file or mask_runs say what may change, where a set tells it."""

    id: str
    image: Path
    source: str
    target: str
    type: str
    mask_file: Path | None = None
    mask_runs: tuple[int, ...] = ()

    def photo(self) -> Image.Image:
        """The photo, upright, RGB."""
        return open_image(self.image, name="image").image.convert("RGB")

    def mask(self) -> Image.Image | None:
        """Grey picture of the edited region, white is edited; None when nothing is said."""
        if self.mask_file is not None:
            return open_image(self.mask_file, name="mask").image.convert("L")
        return pie_mask(self.mask_runs) if self.mask_runs else None


def read_edit_set(path: Path) -> list[EditCase]:
    """All cases of a set file, in its order.

    Raises:
        InputError: no such file, none of the three forms, a picture that is not there, an id twice.
    """
    if not path.is_file():
        raise InputError(f"`set` must name a CSV or JSON file of edits, got {path}")
    try:
        cases = list(_from_csv(path) if path.suffix.lower() == ".csv" else _from_json(path))
    except (json.JSONDecodeError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"`set` must be CSV or JSON, and {path.name} is neither: {error}") from None
    if not cases:
        raise InputError(f"`set` must hold at least 1 edit, got 0 in {path.name}")
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise InputError(f"`id` must be unique in a set, got {case.id} twice")
        seen.add(case.id)
        if not case.image.is_file():
            raise InputError(f"`image` of {case.id} must be a file, got {case.image}")
        if not case.target.strip():
            raise InputError(f"`target` of {case.id} must not be empty")
    return cases


def pie_mask(runs: tuple[int, ...]) -> Image.Image:
    """Runs (start, length, start, length …) on 512 x 512, row by row; the border counts as edited."""
    flat = np.zeros(PIE_SIDE * PIE_SIDE, dtype=np.uint8)
    for start, length in zip(runs[::2], runs[1::2], strict=True):
        flat[start : start + length] = 255
    grid = flat.reshape(PIE_SIDE, PIE_SIDE)
    grid[[0, -1], :] = grid[:, [0, -1]] = 255
    return Image.fromarray(grid)


def _from_csv(path: Path) -> Iterator[EditCase]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = [c for c in ("image", "source", "target", "type") if c not in (rows.fieldnames or ())]
        if missing:
            raise InputError(
                f"`set` must have the column {missing[0]}, got {', '.join(rows.fieldnames or ())}"
            )
        for number, row in enumerate(rows):
            mask = row.get("mask") or ""
            yield EditCase(
                row.get("id") or f"{number:06d}",
                path.parent / row["image"],
                row["source"],
                row["target"],
                row["type"],
                path.parent / mask if mask else None,
            )


def _from_json(path: Path) -> Iterator[EditCase]:
    entries = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(entries, dict):
        raise InputError(f"`set` must be a JSON object of edits by id, got {type(entries).__name__}")
    for key, entry in entries.items():
        if isinstance(entry, dict):
            yield _from_pie(path.parent, key, entry)
        elif isinstance(entry, list) and len(entry) == 4:
            kind, image, source, target = map(str, entry)
            yield EditCase(key, path.parent / image, source, target, kind)
        else:
            raise InputError(f"`{key}` must be [type, image, source, target] or an entry of PIE-Bench")


def _from_pie(folder: Path, key: str, entry: Mapping[str, Any]) -> EditCase:
    try:
        image = folder / "annotation_images" / entry["image_path"]
        words = [
            str(entry[k]).translate({ord("["): None, ord("]"): None})
            for k in ("original_prompt", "editing_prompt")
        ]
        number = int(entry["editing_type_id"])
        runs = entry.get("mask") or ()
        numbers = runs.split() if isinstance(runs, str) else runs
        return EditCase(key, image, words[0], words[1], PIE_TYPES[number], None, tuple(map(int, numbers)))
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise InputError(
            f"`{key}` must be an entry of PIE-Bench, and its {error} is missing or wrong"
        ) from None
