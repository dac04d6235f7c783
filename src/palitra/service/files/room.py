"""How much one owner, and all together, may keep. Old uploads that nothing needs make room first.

Only what is new is refused, an upload or a job: results of accepted jobs are kept whatever the bounds say.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, exists, func, select

from palitra.errors import StorageError
from palitra.service.audit import record
from palitra.service.files.blobs import BlobStore
from palitra.service.files.naming import drop_unnamed, lock_names
from palitra.service.jobs.job import OPEN
from palitra.service.settings import Settings
from palitra.service.tables import FILES, JOBS, PICTURES

MB = 2**20
YOUNG_S = 3600.0
"""Uploads of the last hour stay: their job may be about to be handed in."""
SUM_S = 5.0
"""So long the sum over the whole store holds."""


@dataclass(frozen=True)
class Kept:
    """What is kept: uploads, pictures, and the bytes of both."""

    uploads: int
    pictures: int
    bytes: int


class Room:
    """The bounds on one store."""

    def __init__(self, engine: Engine, blobs: BlobStore, settings: Settings) -> None:
        self.engine, self.blobs, self.settings = engine, blobs, settings
        self._sum, self._summed_at = 0, -SUM_S

    def check(self, owner: str, spare: Collection[str] = (), uploads: int = 0, size: int = 0) -> None:
        """Let something new in: so many uploads of so many bytes, or a job (nothing of its own yet).

        Where the owner is over a bound, their oldest uploads that nothing needs are deleted; `spare`,
        the files of the new job, stay.

        Raises:
            StorageError: there is no room all the same (413), or none in the whole store (503).
        """
        self._check_all(size)
        with self.engine.connect() as connection:
            now = kept_of(connection, owner)
        if self._missing(now, uploads, size) is None:
            return
        self._tidy(owner, now, uploads, size, spare)
        with self.engine.connect() as connection:
            missing = self._missing(kept_of(connection, owner), uploads, size)
        if missing:
            raise StorageError(missing)

    def _missing(self, now: Kept, uploads: int, size: int) -> str | None:
        """What is over its bound, as a sentence; None where there is room."""
        most, most_bytes = self.settings.most_files_per_owner, self.settings.most_bytes_per_owner
        if uploads and most and now.uploads + uploads > most:
            return (
                f"`files` must be at most {most} kept uploads, got {now.uploads} already: "
                "delete pictures that you no longer need"
            )
        # a job brings pictures, so it needs at least some room
        if most_bytes and now.bytes + max(1, size) > most_bytes:
            return (
                f"`storage` must be at most {most_bytes // MB} MB, got {-(-(now.bytes + size) // MB)} MB "
                f"in {now.pictures} pictures and {now.uploads} uploads: delete some"
            )
        return None

    def _check_all(self, size: int) -> None:
        most = self.settings.most_store_bytes
        if not most:
            return
        if time.monotonic() - self._summed_at > SUM_S:
            with self.engine.connect() as connection:
                self._sum = kept_of(connection).bytes
            self._summed_at = time.monotonic()
        if self._sum + max(1, size) > most:
            raise StorageError(
                f"`store` must hold at most {most // MB} MB, got {-(-(self._sum + size) // MB)} MB: "
                "the operator has to make room",
                status=503,
            )
        self._sum += size

    def _tidy(self, owner: str, now: Kept, uploads: int, size: int, spare: Collection[str]) -> None:
        """Delete the oldest uploads that nothing needs, until it fits."""
        gone = []
        with self.engine.begin() as connection:
            old = select(FILES.c.id, FILES.c.bytes).where(
                FILES.c.owner == owner, FILES.c.created_at < time.time() - YOUNG_S
            )
            lock_names(connection, [row.id for row in connection.execute(old)])
            used = {*used_files(connection, owner), *spare}
            for row in connection.execute(old.order_by(FILES.c.created_at)).all():
                if self._missing(now, uploads, size) is None:
                    break
                if row.id in used:
                    continue
                connection.execute(delete(FILES).where(FILES.c.id == row.id, FILES.c.owner == owner))
                now = Kept(now.uploads - 1, now.pictures, now.bytes - row.bytes)
                gone.append(row.id)
        drop_unnamed(self.engine, self.blobs, gone)
        for file in gone:
            record("file.deleted", owner, file=file, reason="room")


def kept_of(connection: Connection, owner: str | None = None) -> Kept:
    """What an owner keeps, or everybody. What two rows name counts twice."""
    uploads = select(func.count(), func.coalesce(func.sum(FILES.c.bytes), 0)).select_from(FILES)
    pictures = select(func.count(), func.coalesce(func.sum(PICTURES.c.bytes), 0)).select_from(PICTURES)
    if owner is not None:
        uploads, pictures = uploads.where(FILES.c.owner == owner), pictures.where(PICTURES.c.owner == owner)
    files, own = connection.execute(uploads).one()
    made, drawn = connection.execute(pictures).one()
    return Kept(files, made, int(own) + int(drawn))


def used_files(connection: Connection, owner: str) -> set[str]:
    """Uploads that a job of the owner draws from, or that a picture which is still kept was drawn from."""
    drawn = exists().where(PICTURES.c.job == JOBS.c.id)
    inputs = select(JOBS.c.inputs).where(JOBS.c.owner == owner, JOBS.c.state.in_(OPEN) | drawn)
    return {file for each in connection.scalars(inputs) for file in each.values()}
