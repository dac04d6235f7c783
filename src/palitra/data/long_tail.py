"""Imbalance made on purpose: how many rows of each class stay, and which.

Exponential and step profiles follow Cao et al., "Learning Imbalanced Datasets with Label-Distribution-
Aware Margin Loss" (arXiv 1906.07413). Only training rows are ever thinned; test rows are no business of
this file.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from palitra.errors import InputError, check_range


def exponential_counts(most: int, classes: int, factor: float) -> list[int]:
    """floor(most x factor^(-i / (classes - 1))): from `most` down to most / factor.

    Raises:
        InputError: fewer than 2 classes, a factor below 1, or a smallest class without rows.
    """
    _check(most, classes, factor)
    # a whole quotient must not lose a row to the last bit of a power
    counts = [int(most * factor ** (-i / (classes - 1)) + 1e-9) for i in range(classes)]
    return _with_rows(counts, most, factor)


def step_counts(most: int, classes: int, factor: float) -> list[int]:
    """`most` rows of the first half of the classes (the larger half if odd), most / factor of the others.

    Raises:
        InputError: as `exponential_counts`.
    """
    _check(most, classes, factor)
    full = classes - classes // 2
    return _with_rows([most] * full + [int(most / factor + 1e-9)] * (classes - full), most, factor)


def minority_counts(counts: Sequence[int], rare: Sequence[int], k: int) -> list[int]:
    """`k` rows of the classes `rare`, all rows of the others.

    Raises:
        InputError: an unknown class, or one that has fewer than `k` rows.
    """
    check_range("k", k, 1, 10**9)
    for index in rare:
        check_range("rare", index, 0, len(counts) - 1)
        if counts[index] < k:
            raise InputError(f"`k` must be in [1, {counts[index]}] for class {index}, got {k}")
    return [k if i in set(rare) else count for i, count in enumerate(counts)]


def thinned_rows(labels: Tensor, counts: Sequence[int], seed: int = 0) -> Tensor:
    """Rows that stay, in their old order: a random `counts[i]` of class i.

    A class keeps the same first rows whatever the other counts are, and a smaller count keeps a part of
    what a larger one keeps.

    Args:
        labels: int64 (N,) in [0, len(counts)).
        counts: rows of each class to keep.
        seed: decides which.

    Raises:
        InputError: a label outside, or a class that has fewer rows than asked.
    """
    have = torch.bincount(labels, minlength=len(counts)).tolist()
    if len(have) > len(counts):
        raise InputError(f"`labels` must be in [0, {len(counts) - 1}], got {len(have) - 1}")
    kept = []
    for index, (count, there) in enumerate(zip(counts, have, strict=True)):
        if not 0 <= count <= there:
            raise InputError(f"`counts` must be in [0, {there}] for class {index}, got {count}")
        rows = (labels == index).nonzero()[:, 0]
        generator = torch.Generator().manual_seed(seed * 100_003 + index)
        kept.append(rows[torch.randperm(there, generator=generator)[:count]])
    return torch.cat(kept).sort().values


def _check(most: int, classes: int, factor: float) -> None:
    check_range("most", most, 1, 10**9)
    check_range("classes", classes, 2, 10**6)
    check_range("factor", factor, 1, 10**9)


def _with_rows(counts: list[int], most: int, factor: float) -> list[int]:
    if min(counts) < 1:
        raise InputError(f"`factor` must be in [1, {most}] to leave a row in every class, got {factor:g}")
    return counts
