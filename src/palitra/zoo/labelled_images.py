"""A labelled image set in memory, and its class histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.errors import InputError

LABELLED_ONE_IN = 8


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """images uint8 (N, C, H, W); labels int64 (N,) in [0, K); names of the K classes; skipped: unreadable."""

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def counts(self) -> Tensor:
        """Pictures per class (K,)."""
        return torch.bincount(self.labels, minlength=len(self.names))

    def rows(self, index: Tensor) -> LabelledImages:
        """The pictures of `index`, all class names kept."""
        return LabelledImages(self.images[index], self.labels[index], self.names)

    def class_index(self, name: str) -> int:
        """The number of a class by its name, or by its number as text.

        Raises:
            InputError: there is no such class.
        """
        if name in self.names:
            return self.names.index(name)
        return class_number(name, self.names)


def class_number(name: str, names: Sequence[str]) -> int:
    """The number of class `name` among `names`; a plain number is taken as it is.

    Raises:
        InputError: there is no such class.
    """
    if name in names:
        return list(names).index(name)
    if name.isdecimal() and int(name) < len(names):
        return int(name)
    raise InputError(f"`class` must be one of {', '.join(names) or '(this model has none)'}, got {name}")


def check_classes(images: LabelledImages, at_least: int = 2) -> None:
    """Raise `InputError` unless every class has `at_least` pictures."""
    for name, count in zip(images.names, images.counts.tolist(), strict=True):
        if count < at_least:
            raise InputError(
                f"`data` must hold at least {at_least} pictures of every class, got {count} of {name}"
            )


def match_labels(images: LabelledImages, names: Sequence[str]) -> LabelledImages:
    """The same pictures with labels numbered as in `names` (those of a training set).

    Raises:
        InputError: a class that `names` lacks.
    """
    unknown = [n for n in images.names if n not in names]
    if unknown:
        raise InputError(f"`data` must have the classes {', '.join(names)}, got {unknown[0]}")
    order = torch.tensor([list(names).index(n) for n in images.names], dtype=torch.int64)
    return LabelledImages(images.images, order[images.labels], tuple(names), images.skipped)


def hide_labels(labels: Tensor, per_class: int, classes: int, seed: int) -> Tensor:
    """Labels (N,) with all but `per_class` random ones of every class replaced by -1."""
    hidden = torch.full_like(labels, -1)
    generator = torch.Generator().manual_seed(seed)
    for k in range(classes):
        rows = (labels == k).nonzero()[:, 0]
        kept = rows[torch.randperm(len(rows), generator=generator)[:per_class]]
        hidden[kept] = k
    return hidden


def repeat_labelled(data: LabelledImages, share: int = LABELLED_ONE_IN) -> LabelledImages:
    """The set with its labelled pictures (labels at least 0) again and again behind it, to one in `share`.

    With a hundred labels among sixty thousand pictures a batch of 64 would see one in ten steps. A set that
    has as many, or none, stays as it is.
    """
    rows = (data.labels >= 0).nonzero()[:, 0]
    missing = len(data) // (share - 1) - len(rows)
    if missing <= 0 or not len(rows):
        return data
    again = rows.repeat(-(-missing // len(rows)))[:missing]
    return data.rows(torch.cat([torch.arange(len(data)), again]))


def histogram(images: LabelledImages, width: int = 40) -> str:
    """One line per class: name, count, share as a bar; then the set's size and what was skipped."""
    counts = images.counts.tolist()
    longest, most = max(map(len, images.names)), max(counts)
    lines = [
        f"{name:<{longest}} {count:>7} {'█' * max(1 if count else 0, round(width * count / max(most, 1)))}"
        for name, count in zip(images.names, counts, strict=True)
    ]
    c, h, w = images.shape
    lines.append(f"{len(images)} pictures, {len(counts)} classes, {c} x {h} x {w}")
    if images.skipped:
        shown = ", ".join(images.skipped[:5]) + (", …" if len(images.skipped) > 5 else "")
        lines.append(f"{len(images.skipped)} skipped, unreadable: {shown}")
    return "\n".join(lines)
