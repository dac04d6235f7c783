"""A worker's number is its own on its host: two with one number would take each other for a dead self."""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from palitra.errors import InputError

PATIENCE_S: Final = 3.0
"""A worker that was just killed may hold its number for a moment longer."""
_KEY: Final = 0x70616C
_AGAIN_S: Final = 0.1


@dataclass(frozen=True)
class Held:
    """A number that is ours until `let_go`, or the end of the process."""

    let_go: Callable[[], None]


def hold_number(engine: Engine, worker: str, number: int) -> Held:
    """Hold the number of `worker` (its name).

    SQLite: a locked file beside the database. PostgreSQL: a lock of the session, which also finds another
    host of the same name.

    Raises:
        InputError: another worker has it.
    """
    take = _take_file if engine.dialect.name == "sqlite" else _take_session
    until = time.monotonic() + PATIENCE_S
    while True:
        held = take(engine, worker, number)
        if held is not None:
            return held
        if time.monotonic() > until:
            raise InputError(
                f"`number` must be one that no other worker of this host has, got {number}: "
                "choose another with --number"
            )
        time.sleep(_AGAIN_S)


def _take_file(engine: Engine, worker: str, number: int) -> Held | None:
    assert engine.url.database is not None
    database = Path(engine.url.database)
    path = database.with_name(f"{database.name}-worker-{number}")
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with contextlib.suppress(ImportError):  # elsewhere than on Unix nobody is kept from it
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
    return Held(lambda: os.close(file))


def _take_session(engine: Engine, worker: str, number: int) -> Held | None:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    key = {"ours": _KEY, "worker": zlib.crc32(worker.encode()) - 2**31}
    taken = text("SELECT pg_try_advisory_lock(CAST(:ours AS int), CAST(:worker AS int))")
    if connection.scalar(taken, key):
        # invalidated, the session ends instead of waiting in the pool with its lock
        return Held(connection.invalidate)
    connection.close()
    return None
