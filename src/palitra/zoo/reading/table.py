"""CSV tables of paths, and parquet tables of pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from palitra.data.datasets import read_rows
from palitra.errors import InputError
from palitra.zoo.reading.decode import Decoded

PATH_COLUMNS = ("path", "file", "image", "filename")
PICTURE_COLUMNS = ("image", "img")


def read_csv(path: Path, label_column: str = "label") -> Decoded:
    """Rows of a path (relative to the table) and a label, under a line of column names.

    Raises:
        InputError: a column is missing, a label is empty, or too many unreadable pictures.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        picture = next((c for c in PATH_COLUMNS if c in columns), None)
        if picture is None or label_column not in columns:
            raise InputError(
                f"`{path.name}` must have the columns {PATH_COLUMNS[0]} and {label_column}, "
                f"got {', '.join(columns) or 'none'}"
            )
        items = []
        for number, row in enumerate(reader, 2):
            label = (row[label_column] or "").strip()
            if not label:
                raise InputError(f"`{label_column}` must be given in every row, got none in line {number}")
            name = row[picture] or f"line {number}"
            items.append((name, path.parent / name, label))
    return Decoded().take(items)


def read_parquet(paths: Sequence[Path], label_column: str = "label") -> Decoded:
    """Tables with `image` (or `img`) {bytes, path} and a label column of names or numbers.

    Numbers become the names that the table's own description gives them, where it does.

    Raises:
        InputError: a column is missing, a label is null, or too many unreadable pictures.
    """
    items = []
    for path in paths:
        columns, names = _described(path, label_column)
        picture = next((c for c in PICTURE_COLUMNS if c in columns), PICTURE_COLUMNS[0])
        for number, row in enumerate(read_rows(path, [picture, label_column])):
            label = row[label_column]
            if label is None:
                raise InputError(f"`{label_column}` must be given in every row, got none in row {number}")
            if names and isinstance(label, int) and 0 <= label < len(names):
                label = names[label]
            cell = row[picture] or {}
            items.append((cell.get("path") or f"row {number}", cell.get("bytes"), label))
    return Decoded().take(items)


def _described(path: Path, label_column: str) -> tuple[list[str], list[str]]:
    """Columns of a table, and the class names that the `datasets` library wrote into its description."""
    import pyarrow.parquet as pq

    if not path.is_file():
        return [], []
    schema = pq.read_schema(path)
    try:
        described = json.loads((schema.metadata or {})[b"huggingface"])
        names = described["info"]["features"][label_column]["names"]
    except (KeyError, TypeError, ValueError):
        return schema.names, []
    return schema.names, [str(n) for n in names] if isinstance(names, list) else []
