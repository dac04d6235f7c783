"""Pictures that are nearly the same: other shots of one thing, frames of one scene, a picture saved twice.

A test picture with such a twin among the training pictures rewards memory, not learning. Likeness is the
correlation of plain pixels, which is cheap and needs no network; it finds what was photographed again from
the same place and misses what was turned or moved.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from palitra.errors import check_range

CHUNK = 1024
LEAST = 0.5


def near_duplicate_groups(images: Tensor, above: float, groups: Tensor | None = None) -> Tensor:
    """Number of the group (N,) of each picture; near duplicates are in one, also through others.

    Costs N squared correlations: 1,200 pictures of 32 px take 0.1 s, 60,000 some minutes.

    Args:
        images: uint8 (N, C, H, W).
        above: correlation from which two pictures are one, in [0.5, 1].
        groups: (N,) numbers that are joined as well.

    Raises:
        InputError: `above` out of bounds.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    check_range("near_duplicates", above, LEAST, 1)
    pairs = [_pairs(start, likeness > above) for start, likeness in _correlations(images, images)]
    if groups is not None:
        pairs.append(_neighbours(groups))
    rows, columns = torch.cat(pairs, 1).numpy()
    n = len(images)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return torch.from_numpy(connected_components(graph, directed=False)[1]).long()


def rows_without_near_duplicates(images: Tensor, of: Tensor, above: float) -> Tensor:
    """Rows of `images` (N, C, H, W) that correlate with no picture of `of` above the bound, sorted.

    Raises:
        InputError: `above` out of bounds.
    """
    check_range("near_duplicates", above, LEAST, 1)
    apart = [~(likeness > above).any(1) for _, likeness in _correlations(images, of)]
    return torch.cat(apart).nonzero()[:, 0]


def _correlations(images: Tensor, others: Tensor) -> Iterator[tuple[int, Tensor]]:
    """First row and correlations (chunk, M) of each chunk of rows."""
    x, y = _standard(images), _standard(others)
    for start in range(0, len(x), CHUNK):
        yield start, x[start : start + CHUNK] @ y.T


def _standard(images: Tensor) -> Tensor:
    """Rows without mean and of length 1, so that a product is a correlation; flat pictures become zeros."""
    x = images.flatten(1).float()
    x = x - x.mean(1, keepdim=True)
    return x / x.norm(dim=1, keepdim=True).clamp_min(1e-6)


def _pairs(start: int, alike: Tensor) -> Tensor:
    """Row numbers (2, P) of what is alike."""
    rows, columns = alike.nonzero().T
    return torch.stack([rows + start, columns])


def _neighbours(groups: Tensor) -> Tensor:
    """Each row of a group with the next one of the same group (2, P)."""
    order = groups.argsort(stable=True)
    same = groups[order][1:] == groups[order][:-1]
    return torch.stack([order[1:][same], order[:-1][same]])
