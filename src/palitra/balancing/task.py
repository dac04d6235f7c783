"""A comparison's rows: rare classes, test rows that nothing ever learns from, and the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from palitra.balancing.near_duplicates import near_duplicate_groups, rows_without_near_duplicates
from palitra.balancing.settings import BalanceSettings
from palitra.balancing.split import cut_share, not_in
from palitra.errors import InputError
from palitra.zoo.labelled_images import LabelledImages, match_labels

FEWEST = 4
TEST_SEED = 0


@dataclass(frozen=True, eq=False)
class Task:
    """pool: rows for training and validation. test: held out. rare: numbers of the classes to be filled.

    groups: (N,) of the pool's rows, if any. leaks: rows of the data left out because they occur in the test.
    """

    pool: LabelledImages
    test: LabelledImages
    rare: tuple[int, ...]
    groups: Tensor | None = None
    leaks: int = 0

    @property
    def fingerprint(self) -> str:
        """Hash of all pixels and labels."""
        digest = hashlib.sha256()
        for part in (self.pool, self.test):
            digest.update(part.images.numpy().tobytes())
            digest.update(part.labels.numpy().tobytes())
        return digest.hexdigest()[:16]


def make_task(
    data: LabelledImages,
    test: LabelledImages | None,
    settings: BalanceSettings,
    groups: Tensor | None = None,
) -> Task:
    """Find the rare classes and set test rows apart.

    Args:
        data: the imbalanced set.
        test: real pictures of the same classes; cut off from `data` when None.
        settings: checked here.
        groups: (N,) numbers; equal ones never go to two sides.

    Raises:
        InputError: settings out of bounds, too few pictures of a class, no rare class, an unknown one, or a
            test set of other classes or without one.
    """
    settings.check()
    if len(data.names) < 2:
        raise InputError(f"`data` must hold at least 2 classes, got {len(data.names)}")
    if groups is not None and groups.shape != (len(data),):
        raise InputError(f"`groups` must have one number for each of {len(data)} pictures, got {len(groups)}")
    leaks, near = 0, settings.near_duplicates
    if near is not None:
        groups = near_duplicate_groups(data.images, near, groups)
    if test is None:
        _check_fewest(data, FEWEST + 1)
        split = cut_share(data, settings.test_share, TEST_SEED, groups)
        rows, test = split.kept, data.rows(split.cut)
    else:
        test = _same_classes(data, test)
        rows = not_in(data, test)
        if near is not None:
            rows = rows[rows_without_near_duplicates(data.images[rows], test.images, near)]
        leaks = len(data) - len(rows)
    pool = replace(data.rows(rows), skipped=data.skipped)
    _check_fewest(pool, FEWEST)
    rare = rare_classes(pool, settings.rare)
    return Task(pool, test, rare, None if groups is None else groups[rows], leaks)


def rare_classes(data: LabelledImages, names: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the named classes, or of all below the mean count.

    Raises:
        InputError: an unknown class, one that has nothing to fill, or none below the mean.
    """
    counts = data.counts.tolist()
    most = max(counts)
    if not names:
        mean = len(data) / len(counts)
        rare = tuple(k for k, n in enumerate(counts) if n < mean)
        if not rare:
            raise InputError(f"`data` must have a class below the mean count, got {most} of every class")
        return rare
    for name in names:
        if name not in data.names:
            raise InputError(f"`label` must be one of {', '.join(data.names)}, got {name}")
        if counts[data.names.index(name)] == most:
            raise InputError(f"`label` must be a class with fewer than {most} pictures, got {name}")
    return tuple(sorted({data.names.index(name) for name in names}))


def _same_classes(data: LabelledImages, test: LabelledImages) -> LabelledImages:
    unknown = [n for n in test.names if n not in data.names]
    if unknown:
        raise InputError(f"`test` must have the classes {', '.join(data.names)}, got {unknown[0]}")
    if test.shape != data.shape:
        raise InputError(f"`test` must hold pictures of the shape {data.shape}, got {test.shape}")
    test = match_labels(test, data.names)
    empty = [n for n, count in zip(data.names, test.counts.tolist(), strict=True) if not count]
    if empty:
        raise InputError(f"`test` must hold pictures of every class, got none of {empty[0]}")
    return test


def _check_fewest(data: LabelledImages, fewest: int) -> None:
    for name, count in zip(data.names, data.counts.tolist(), strict=True):
        if count < fewest:
            raise InputError(
                f"`data` must hold at least {fewest} pictures of every class beside the test rows, "
                f"got {count} of {name}"
            )
