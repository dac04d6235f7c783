"""What inversions leave on disk shows the photos they are of, so it goes after a short while."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


def drop_old(folder: Path, keep_s: float, now: float | None = None) -> int:
    """Delete files that were not used for `keep_s`; returns how many went. Others may do it too."""
    before = (time.time() if now is None else now) - keep_s
    gone = 0
    for path in folder.glob("*"):
        with suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()
                gone += 1
    return gone
