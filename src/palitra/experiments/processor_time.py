"""Processor time: what a trial has spent over all its processes, and what a budget of it allows."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

EVERY = 2.0


class ProcessorClock:
    """Seconds of processor time of this process since the clock was made, on top of what the file holds.

    The file is written at most every two seconds, so a killed process loses no more than that.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._began = path, time.process_time()
        self._before, self._written = _read(path), self._began

    @property
    def seconds(self) -> float:
        """All processes of the trial together."""
        return self._before + time.process_time() - self._began

    def tick(self) -> None:
        """Keep the time if it is due; cheap."""
        if time.process_time() - self._written >= EVERY:
            self.keep()

    def keep(self) -> None:
        """Write the time now."""
        self._written = time.process_time()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"processor_seconds": round(self.seconds, 2)}), encoding="utf-8")
        os.replace(part, self.path)


def _read(path: Path) -> float:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads(path.read_text(encoding="utf-8"))["processor_seconds"])
    return 0.0
