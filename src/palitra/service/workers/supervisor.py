"""Keeps worker processes alive: one that ends is started again, the sooner the longer it lived."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

LOG = logging.getLogger("palitra.supervisor")
LONGEST_PAUSE_S = 30.0
HEALTHY_S = 60.0


class Supervisor:
    """Runs `count` workers as child processes until `stop`."""

    def __init__(self, count: int = 1, command: Sequence[str] | None = None) -> None:
        own = [sys.executable, "-m", "palitra", "worker"]
        self.command = list(command or own)
        self._stopped = threading.Event()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._threads = [
            threading.Thread(target=self._keep, args=(n,), name=f"worker-{n}", daemon=True)
            for n in range(count)
        ]

    def start(self) -> None:
        """Start all."""
        for thread in self._threads:
            thread.start()

    def stop(self, patience_s: float = 15.0) -> None:
        """Ask all to end (SIGTERM), then insist."""
        self._stopped.set()
        for child in self._children.values():
            child.terminate()
        until = time.monotonic() + patience_s
        for child in self._children.values():
            try:
                child.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
        for thread in self._threads:
            thread.join(1)

    def kill(self, number: int) -> None:
        """Kill one worker as a crash would (SIGKILL); it is started again."""
        child = self._children.get(number)
        if child is not None:
            child.kill()

    def _keep(self, number: int) -> None:
        pause = 0.2
        while not self._stopped.is_set():
            began = time.monotonic()
            # a group of its own: Ctrl-C in the terminal reaches us, and we stop it in order
            child = subprocess.Popen([*self.command, "--number", str(number)], start_new_session=True)  # noqa: S603
            self._children[number] = child
            code = child.wait()
            if self._stopped.is_set():
                return
            pause = 0.2 if time.monotonic() - began > HEALTHY_S else min(LONGEST_PAUSE_S, 2 * pause)
            LOG.warning("worker %d ended with %d: started again in %.1f s", number, code, pause)
            self._stopped.wait(pause)
