"""Small copies of the image sets for smoke runs, so that nobody waits for 70,000 pictures to be decoded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from palitra.data.check_shards import Shard

ROWS = 300
"""Enough that every concept of mini has a photo."""
LARGE_ROWS = 6
"""Of BSDS500, whose pictures are large."""


def copy_small(root: Path, folder: Path, shards: Iterable[Shard]) -> None:
    """Evenly spread rows of every shard under `folder`, in their order; what is there already stays."""
    import pyarrow.parquet as pq

    for path in sorted({shard.path for shard in shards}):
        target = folder / path
        if target.exists():
            continue
        table = pq.read_table(root / path)
        most = LARGE_ROWS if path.startswith("bsds500/") else ROWS
        rows = np.unique(np.linspace(0, len(table) - 1, min(most, len(table))).round().astype(int))
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        pq.write_table(table.take(rows), part)
        os.replace(part, target)
