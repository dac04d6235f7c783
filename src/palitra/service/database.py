"""Opens the database and brings its tables up to date."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import make_url

from palitra.service.migrations import migrate_tables

BUSY_S: Final = 30
IDLE_S: Final = 20
"""Below what a worker may be silent: one that was frozen amid a transaction loses it, and with it the locks
that would keep the living from taking over its jobs."""
_MIGRATING = threading.Lock()


def open_database(url: str) -> Engine:
    """An engine; SQLite files get a write-ahead log, and writers wait for each other up to 30 s.

    PostgreSQL ends a session that does nothing for 20 s amid a transaction.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        served = create_engine(address, pool_size=8, max_overflow=8, pool_pre_ping=True)
        event.listen(served, "connect", _bound_idle_transactions)
        return served
    assert address.database is not None
    Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute(f"PRAGMA busy_timeout={1000 * BUSY_S}")
        _keep_log_ahead(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        # its own knows Latin letters only
        connection.create_function("lower", 1, _lower, deterministic=True)

    return engine


def _bound_idle_transactions(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_S}s'")
    connection.commit()


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _keep_log_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite does not wait by itself when others switch at the same moment."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def database_time(connection: Connection) -> float:
    """UTC seconds by the database's clock: hosts whose clocks differ agree on who is silent or late."""
    if connection.dialect.name == "sqlite":
        return time.time()  # the file's host is our host
    return float(connection.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0)


def migrate(engine: Engine, url: str) -> None:
    """Bring DBOS's tables and ours up to date. Safe to call from several processes at once."""
    from dbos import DBOS

    from palitra.service.jobs.durable import quiet_dbos, system_url

    quiet_dbos()
    with _MIGRATING:
        DBOS.migrate(system_url(url))
        migrate_tables(engine)
