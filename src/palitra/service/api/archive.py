"""A job's pictures as one zip archive, packed while it is sent: no copy of it lies anywhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Engine, Row, select

from palitra.recipes.picture import file_of
from palitra.service.api.context import Service
from palitra.service.api.provenance import signed
from palitra.service.api.views import seed_of
from palitra.service.tables import PICTURES


def files_of(engine: Engine, job: str) -> Sequence[Row[Any]]:
    """A job's pictures and parts, the sheet first."""
    mine = select(PICTURES).where(PICTURES.c.job == job).order_by(PICTURES.c.rank)
    with engine.connect() as connection:
        return connection.execute(mine).all()


def zipped(service: Service, job: str, files: Sequence[Row[Any]]) -> Iterator[bytes]:
    """The archive in pieces, a picture at a time; PNG files are stored as they are."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for row in files:
            name = file_of(row.kind, row.name or "", seed_of(row.seed))
            while name in archive.NameToInfo:  # two wishes that begin alike
                name = f"_{name}"
            # a fixed date, so that the same pictures are the same archive
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, signed(service, service.blobs.get(row.blob), "image/png", row.id, job))
            yield pipe.taken()
    yield pipe.taken()


class _Pipe(io.RawIOBase):
    """Where the archive is written, as far as it has not been sent."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._waiting += data
        return memoryview(data).nbytes

    def taken(self) -> bytes:
        """What came since the last time."""
        data, self._waiting = bytes(self._waiting), bytearray()
        return data
