"""A folder per class."""

from __future__ import annotations

from pathlib import Path

from palitra.errors import InputError
from palitra.zoo.reading.decode import Decoded, picture_files


def read_folder(path: Path) -> Decoded:
    """Every sub-folder is a class of its name; pictures may lie deeper.

    Raises:
        InputError: no sub-folders, an empty one, or too many unreadable pictures.
    """
    classes = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes:
        raise InputError(f"`data` must be a folder with one folder per class, got {path} without any")
    items = []
    for folder in classes:
        files = list(picture_files(folder))
        if not files:
            raise InputError(f"`data` must hold pictures of every class, got the empty folder {folder.name}")
        items += [(f"{folder.name}/{file.name}", file, folder.name) for file in files]
    return Decoded().take(items)
