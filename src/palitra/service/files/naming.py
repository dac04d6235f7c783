"""Rows name bytes: a row is written only where its bytes are, and bytes go only when no row names them.

Equal pictures are kept once, so one person's may be deleted while another hands in the same. Both take the
name's lock within their transaction; whoever comes second sees what the first has done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, Engine, func, select

from palitra.service.files.blobs import BlobStore
from palitra.service.tables import FILES, PICTURES, STUDY_PICTURES

CHUNK = 50
"""Deletions within one transaction: others wait for it."""


def lock_names(connection: Connection, names: Iterable[str]) -> None:
    """Until the transaction ends nobody else writes or drops these names.

    SQLite has one writer at a time; on it the call has to be the transaction's first.
    """
    if connection.dialect.name == "sqlite":
        if not getattr(connection.connection.dbapi_connection, "in_transaction", False):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    for name in sorted(set(names)):  # in one order, so that no two wait for each other
        connection.execute(select(func.pg_advisory_xact_lock(int(name[:15], 16))))


def name_bytes(connection: Connection, blobs: BlobStore, name: str, data: bytes) -> None:
    """Before a row with `name` is written, which was put before: put it again if it was deleted since.

    Raises:
        DiskError: the store cannot be written.
    """
    lock_names(connection, [name])
    if not blobs.has(name):
        blobs.put(data)


def drop_unnamed(engine: Engine, blobs: BlobStore, names: Collection[str]) -> int:
    """Delete those of the bytes that no row names (any more); returns how many went."""
    gone, wanted = 0, sorted(names)
    for start in range(0, len(wanted), CHUNK):
        chunk = set(wanted[start : start + CHUNK])
        with engine.begin() as connection:
            lock_names(connection, chunk)
            free = chunk - _named(connection, chunk)
            for name in free:
                blobs.delete(name)
        gone += len(free)
    return gone


def _named(connection: Connection, names: set[str]) -> set[str]:
    pictures = connection.scalars(select(PICTURES.c.blob).where(PICTURES.c.blob.in_(names)))
    files = connection.scalars(select(FILES.c.id).where(FILES.c.id.in_(names)))
    shown = connection.scalars(select(STUDY_PICTURES.c.blob).where(STUDY_PICTURES.c.blob.in_(names)))
    return {*pictures, *files, *shown}
