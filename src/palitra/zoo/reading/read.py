"""One door to every form of labelled image set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from palitra.errors import InputError
from palitra.zoo.labelled_images import LabelledImages, check_classes
from palitra.zoo.reading.arrays import read_npz
from palitra.zoo.reading.decode import Decoded
from palitra.zoo.reading.folder import read_folder
from palitra.zoo.reading.hub_set import MARK, HubSet, fetch_hub_set
from palitra.zoo.reading.size import Fit, fit_to, unify, with_channels
from palitra.zoo.reading.table import read_csv, read_parquet


def read_labelled(
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: Fit = "crop",
    label_column: str = "label",
    per_class: int = 2,
) -> LabelledImages:
    """Read a folder per class, a CSV, a parquet file (or a folder of them), an npz file, or a set of the hub.

    Args:
        path: where the set lies, or `hub:OWNER/NAME[:SPLIT]`.
        size: height and width to bring the pictures to; needed when theirs differ.
        channels: 1 or 3 to convert to; the pictures' own when not given.
        fit: `crop` and resize, or `pad`.
        label_column: of CSV and parquet.
        per_class: fewest pictures of a class.

    Raises:
        InputError: nothing readable there; the sentence names what is wrong and where.
        ModelNotFoundError: the hub does not have the set or cannot be reached.
    """
    of_hub = str(path).startswith(MARK)
    if not of_hub and not path.exists():
        raise InputError(
            f"`data` must name a folder, CSV, parquet or npz file or hub:OWNER/NAME, "
            f"got {path} where nothing is"
        )
    suffix = path.suffix.lower()
    if suffix == ".npz" and not of_hub:
        found = read_npz(path)
        images = found.images if size is None else fit_to(found.images, size, fit)
        found = replace(found, images=images if channels is None else with_channels(images, channels))
    else:
        decoded = (
            read_parquet(fetch_hub_set(HubSet.parse(str(path))), label_column)
            if of_hub
            else _decoded(path, suffix, label_column)
        )
        names, labels = number_labels(decoded.labels)
        images = unify(decoded.pictures, size, channels, fit)
        found = LabelledImages(images, labels, names, tuple(decoded.skipped))
    check_classes(found, per_class)
    return found


def number_labels(values: list[Any]) -> tuple[tuple[str, ...], torch.Tensor]:
    """Class names in the order of their names (numbers: of their values), and every row's number."""
    names = sorted(set(values), key=lambda v: (0, v, "") if isinstance(v, int) else (1, 0, str(v)))
    index = {value: i for i, value in enumerate(names)}
    return tuple(map(str, names)), torch.tensor([index[v] for v in values], dtype=torch.int64)


def _decoded(path: Path, suffix: str, label_column: str) -> Decoded:
    if suffix == ".csv":
        return read_csv(path, label_column)
    if suffix == ".parquet":
        return read_parquet([path], label_column)
    if path.is_dir():
        shards = sorted(path.glob("*.parquet"))
        return read_parquet(shards, label_column) if shards else read_folder(path)
    raise InputError(f"`data` must be a folder, or end in .csv, .parquet or .npz, got {path.name}")
