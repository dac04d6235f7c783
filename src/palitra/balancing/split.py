"""Training, validation and test rows of one set, such that no picture and no group lies on two sides.

Rows with equal pixels, or of the same group (a person, a video, a part photographed twice), form one
piece; pieces go to one side whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.errors import InputError, check_range
from palitra.zoo.labelled_images import LabelledImages


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers into the set that was split, each sorted."""

    kept: Tensor
    cut: Tensor


def pixel_hashes(images: Tensor) -> list[bytes]:
    """One hash per picture of uint8 (N, C, H, W); equal pixels give equal hashes."""
    return [hashlib.sha256(image.contiguous().numpy().tobytes()).digest()[:16] for image in images]


def pieces(images: Tensor, groups: Tensor | None = None) -> Tensor:
    """Number of the piece (N,) of each row: rows joined by equal pixels or groups, also through others."""
    n = len(images)
    if groups is not None and groups.shape != (n,):
        raise InputError(f"`groups` must have one number for each of {n} pictures, got {len(groups)}")
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    keys: list[list[object]] = [list(pixel_hashes(images))]
    if groups is not None:
        keys.append(list(groups.tolist()))
    for column in keys:
        first: dict[object, int] = {}
        for i, key in enumerate(column):
            parent[root(i)] = root(first.setdefault(key, i))
    return torch.tensor([root(i) for i in range(n)], dtype=torch.int64)


def cut_share(data: LabelledImages, share: float, seed: int, groups: Tensor | None = None) -> Split:
    """Cut about `share` of every class, at least one row, in whole pieces.

    Pieces are tried in random order and cut while none of their classes would lose more than its share.

    Args:
        data: at least two pieces of every class.
        share: in (0, 0.5].
        seed: decides which rows.
        groups: (N,) numbers; equal ones stay on one side.

    Raises:
        InputError: a class that cannot be on both sides.
    """
    check_range("share", share, 1e-6, 0.5)
    piece = pieces(data.images, groups)
    classes, labels = len(data.names), data.labels
    counts = data.counts
    wanted = (share * counts).round().long().clamp_min(1)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    rows_of: dict[int, list[int]] = {}
    for i in range(len(data)):
        rows_of.setdefault(int(piece[i]), []).append(i)
    taken, cut, seen = torch.zeros(classes, dtype=torch.int64), [], set()
    for i in order.tolist():
        mine = int(piece[i])
        if mine in seen:
            continue
        seen.add(mine)
        brings = torch.bincount(labels[rows_of[mine]], minlength=classes)
        after = taken + brings
        # a large piece may go over its share where its class would else have none
        room = (after <= wanted) | ((taken == 0) & (after < counts)) | (brings == 0)
        if bool(room.all()):
            taken = after
            cut += rows_of[mine]
    mask = torch.zeros(len(data), dtype=torch.bool)
    mask[cut] = True
    _check_both(data, mask)
    return Split((~mask).nonzero()[:, 0], mask.nonzero()[:, 0])


def not_in(data: LabelledImages, other: LabelledImages) -> Tensor:
    """Rows of `data` whose pixels occur nowhere in `other`."""
    there = set(pixel_hashes(other.images))
    return torch.tensor([h not in there for h in pixel_hashes(data.images)]).nonzero()[:, 0]


def _check_both(data: LabelledImages, cut: Tensor) -> None:
    sides = [torch.bincount(data.labels[side], minlength=len(data.names)).tolist() for side in (cut, ~cut)]
    for name, inside, outside in zip(data.names, *sides, strict=True):
        if not inside or not outside:
            raise InputError(
                f"`data` must hold at least 2 different pictures of {name} in 2 groups to be split, "
                f"got {inside + outside} that belong together"
            )
