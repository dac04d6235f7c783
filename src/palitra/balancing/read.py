"""Reading what a comparison is about: the set, its groups and its test pictures, at one size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from palitra.data.long_tail import exponential_counts, thinned_rows
from palitra.errors import InputError
from palitra.zoo.commands import checked_fit
from palitra.zoo.labelled_images import LabelledImages, histogram
from palitra.zoo.reading.read import read_labelled


@dataclass(frozen=True, eq=False)
class Read:
    """The set, test pictures where a place was given, groups (N,) where a column was, and a histogram."""

    data: LabelledImages
    test: LabelledImages | None
    groups: Tensor | None
    told: str


def read_balance(
    data: Path,
    test: Path | None = None,
    size: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    column: str = "label",
    group: str | None = None,
    long_tail: float | None = None,
) -> Read:
    """Read the sets; test pictures take the size and channels of the data.

    Args:
        data: the imbalanced set.
        test: real test pictures.
        size: side to bring the pictures to.
        channels: 1 or 3.
        fit: crop or pad.
        column: of the labels.
        group: column of groups in CSV and parquet.
        long_tail: thin the data exponentially, most over fewest rows; the test is left alone.

    Raises:
        InputError: unreadable data, groups of a folder or an npz file, or a tail without rows.
    """
    how, sides = checked_fit(fit), None if size is None else (size, size)
    if group is not None and (data.suffix == ".npz" or (data.is_dir() and not any(data.glob("*.parquet")))):
        raise InputError(f"`group` must be a column of a CSV or parquet file, got {group} of {data}")
    images = read_labelled(data, size=sides, channels=channels, fit=how, label_column=column, per_class=1)
    groups = None
    if group is not None:
        # the same rows in the same order, their groups as labels
        groups = read_labelled(
            data, size=sides, channels=channels, fit=how, label_column=group, per_class=1
        ).labels
    if long_tail is not None:
        counts = exponential_counts(int(images.counts.min()), len(images.names), long_tail)
        rows = thinned_rows(images.labels, counts)
        images = replace(images.rows(rows), skipped=images.skipped)
        groups = None if groups is None else groups[rows]
    _, height, width = images.shape
    held = None
    if test is not None:
        held = read_labelled(
            test,
            size=(height, width),
            channels=images.shape[0],
            fit=how,
            label_column=column,
            per_class=1,
        )
    return Read(images, held, groups, histogram(images))
