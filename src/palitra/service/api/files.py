"""`/v1/files`: pictures that people hand in."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Request, Response, UploadFile
from pydantic import BaseModel
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from palitra.errors import ConflictError, NotFoundError
from palitra.service.api.context import Caller, CallerDep, Service, ServiceDep
from palitra.service.api.problems import language_of
from palitra.service.api.views import words
from palitra.service.audit import record
from palitra.service.files.blobs import is_name, name_of
from palitra.service.files.naming import drop_unnamed, lock_names, name_bytes
from palitra.service.jobs.job import OPEN
from palitra.service.tables import FILES, JOBS

router = APIRouter(prefix="/v1/files", tags=["files"])


class FileView(BaseModel):
    """An accepted picture; `id` names it in a job's `inputs`. `notes` say what was done to it."""

    id: str
    width: int
    height: int
    bytes: int
    notes: list[str]


@router.post("", status_code=201)
def upload(
    file: Annotated[UploadFile, "a PNG, JPEG, WebP, BMP, GIF or TIFF picture"],
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
) -> FileView:
    """Check a picture and keep it: upright, in sRGB, at most 2048 px, without metadata."""
    return keep(service, caller, file.file.read(), language_of(request))


def keep(service: Service, caller: Caller, data: bytes, language: str = "en") -> FileView:
    """Check the bytes of a picture and keep it for its owner, from now on for as long as a new one.

    Raises:
        ImageError: it cannot be used.
        StorageError: the owner, or all together, keep as much as they may.
    """
    taken = service.decoder.decode(data)
    if not _has(service, caller, name_of(taken.png)):
        service.room.check(caller.owner, uploads=1, size=len(taken.png))
    blob = service.blobs.put(taken.png)
    dialect = sqlite if service.engine.dialect.name == "sqlite" else postgresql
    values = {
        "id": blob,
        "owner": caller.owner,
        "name": "",
        "width": taken.width,
        "height": taken.height,
        "bytes": len(taken.png),
        "notes": taken.notes,
        "created_at": time.time(),
    }
    new = dialect.insert(FILES).values(**values)
    again = {"created_at": values["created_at"]}
    with service.engine.begin() as connection:
        name_bytes(connection, service.blobs, blob, taken.png)
        connection.execute(new.on_conflict_do_update(index_elements=["id", "owner"], set_=again))
    record("file.in", caller.owner, file=blob, bytes=len(data))
    notes = words(taken.notes, language)
    return FileView(id=blob, width=taken.width, height=taken.height, bytes=len(taken.png), notes=notes)


@router.get("/{file}", response_class=Response, responses={200: {"content": {"image/png": {}}}})
def download(file: str, service: ServiceDep, caller: CallerDep) -> Response:
    """The picture as it was kept."""
    if not _has(service, caller, file):
        raise NotFoundError(f"`file` must be one of yours, got {file[:64]}")
    record("file.out", caller.owner, file=file)
    headers = {"etag": f'"{file}"', "cache-control": "private, max-age=31536000, immutable"}
    return Response(service.blobs.get(file), media_type="image/png", headers=headers)


@router.delete("/{file}", status_code=204)
def remove(file: str, service: ServiceDep, caller: CallerDep) -> None:
    """Forget a file; its bytes go when nobody else has handed in the same.

    Raises:
        ConflictError: a job that has not ended draws from it.
    """
    with service.engine.begin() as connection:
        lock_names(connection, filter(is_name, [file]))
        unfinished = select(JOBS.c.id, JOBS.c.inputs).where(
            JOBS.c.owner == caller.owner, JOBS.c.state.in_(OPEN)
        )
        for row in connection.execute(unfinished):
            if file in row.inputs.values():
                raise ConflictError(f"`file` must not be in use, got one that job {row.id} draws from")
        gone = delete(FILES).where(FILES.c.id == file, FILES.c.owner == caller.owner)
        if not connection.execute(gone).rowcount:
            raise NotFoundError(f"`file` must be one of yours, got {file[:64]}")
    drop_unnamed(service.engine, service.blobs, [file])
    record("file.deleted", caller.owner, file=file)


def _has(service: Service, caller: Caller, file: str) -> bool:
    mine = select(FILES.c.id).where(FILES.c.id == file, FILES.c.owner == caller.owner)
    with service.engine.connect() as connection:
        return connection.scalar(mine) is not None
