"""What a study shows: photos, wishes in words, and every arm's picture of them, found in folders.

A run is a folder of pictures named by the item (`ID.png`), as `palitra bench edit` writes one per method; its
photos are in the folder `photos` beside it. Wishes come from the set that the runs were made of, or from
`words.csv` (columns id, target and, where wanted, source and target_ru) in the folder above the runs.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from palitra.bench.edit_set import read_edit_set
from palitra.errors import InputError

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp")
PHOTOS: Final = "photos"
WORDS: Final = "words.csv"


@dataclass(frozen=True)
class Wish:
    """What the photo shows (may be empty) and what it should become, in English and maybe in Russian."""

    target: str
    source: str = ""
    target_ru: str = ""
    photo: Path | None = None


@dataclass(frozen=True)
class Exhibit:
    """One item: its photo, its wish, and the picture of every arm in their order."""

    id: str
    photo: Path
    wish: Wish
    edits: tuple[Path, ...]


@dataclass(frozen=True)
class Show:
    """All items that every arm has, and the ids of those that some arm lacks."""

    arms: tuple[str, ...]
    exhibits: tuple[Exhibit, ...]
    left_out: tuple[str, ...]


def find_show(runs: Sequence[str], set_file: Path | None = None) -> Show:
    """Look through the folders; a run is `FOLDER` or `NAME=FOLDER`, an arm is named by its folder else.

    Raises:
        InputError: fewer than two runs, a name twice, no such folder, no words, or no item that all have.
    """
    arms = _arms(runs)
    folders = list(arms.values())
    wishes = _wishes(folders, set_file)
    made = [pictures(folder) for folder in folders]
    photos = next((pictures(f.parent / PHOTOS) for f in folders if (f.parent / PHOTOS).is_dir()), {})
    ids = sorted(set().union(*made))
    exhibits = []
    for item in ids:
        wish = wishes.get(item)
        photo = photos.get(item) or (wish.photo if wish else None)
        if wish and photo and all(item in arm for arm in made):
            exhibits.append(Exhibit(item, photo, wish, tuple(arm[item] for arm in made)))
    if not exhibits:
        raise InputError(
            f"`runs` must share at least 1 item with a photo and words, got 0: {len(ids)} items in the runs, "
            f"{len(wishes)} wishes, {len(photos)} photos in {folders[0].parent / PHOTOS}"
        )
    shown = {exhibit.id for exhibit in exhibits}
    return Show(tuple(arms), tuple(exhibits), tuple(i for i in ids if i not in shown))


def pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their names without the suffix."""
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}


def _arms(runs: Sequence[str]) -> dict[str, Path]:
    if len(runs) < 2:
        raise InputError(f"`runs` must be at least 2 folders, got {len(runs)}")
    arms: dict[str, Path] = {}
    for run in runs:
        name, _, rest = run.partition("=")
        folder = Path(run) if Path(run).is_dir() or not rest else Path(rest)
        if not folder.is_dir():
            raise InputError(f"`runs` must be folders of pictures, got {folder}")
        folder = folder.resolve()
        name = name if rest and not Path(run).is_dir() else folder.name
        if name in arms:
            raise InputError(f"`runs` must have different names, got {name} twice: write NAME={folder}")
        arms[name] = folder
    return arms


def _wishes(folders: Sequence[Path], set_file: Path | None) -> Mapping[str, Wish]:
    if set_file is not None:
        return {c.id: Wish(c.target, c.source, photo=c.image) for c in read_edit_set(set_file)}
    places = [place / WORDS for folder in folders for place in (folder, folder.parent)]
    table = next((place for place in places if place.is_file()), None)
    if table is None:
        raise InputError(f"`set` must be given where no {WORDS} is beside the runs, got none")
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = [c for c in ("id", "target") if c not in (rows.fieldnames or ())]
        if missing:
            raise InputError(
                f"`{WORDS}` must have the column {missing[0]}, got {', '.join(rows.fieldnames or ())}"
            )
        wishes = {
            row["id"]: Wish(row["target"], row.get("source") or "", row.get("target_ru") or "")
            for row in rows
        }
    empty = [item for item, wish in wishes.items() if not (wish.target or "").strip()]
    if empty:
        raise InputError(f"`target` of {empty[0]} must not be empty")
    return wishes
