"""The largest memory a stretch of work held, beyond what was held before."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

import torch

EVERY_S = 0.02


class PeakMemory:
    """Context; `bytes` afterwards is the peak above the start: of the device on a GPU, else of the process.

    The process is looked at 50 times a second where the system tells its size (Linux); elsewhere 0.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.bytes = 0
        self._done = threading.Event()
        self._before = 0

    def __enter__(self) -> PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
            return self
        self._before = resident()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self.device) - self._before
            return
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(EVERY_S):
            self.bytes = max(self.bytes, resident() - self._before)


def resident() -> int:
    """Bytes of the process that are in memory now, 0 where nobody tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
