"""`/v1/files`: pictures that people hand in."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Request, Response, UploadFile
from pydantic import BaseModel
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from palitra.errors import NotFoundError
from palitra.service.api.context import Caller, CallerDep, Service, ServiceDep
from palitra.service.api.problems import language_of
from palitra.service.api.views import words
from palitra.service.audit import record
from palitra.service.tables import FILES

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
    """Check the bytes of a picture and keep it for its owner."""
    taken = service.decoder.decode(data)
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
    with service.engine.begin() as connection:
        connection.execute(dialect.insert(FILES).values(**values).on_conflict_do_nothing())
    record("file.in", caller.owner, file=blob, bytes=len(data))
    notes = words(taken.notes, language)
    return FileView(id=blob, width=taken.width, height=taken.height, bytes=len(taken.png), notes=notes)


@router.get("/{file}", response_class=Response, responses={200: {"content": {"image/png": {}}}})
def download(file: str, service: ServiceDep, caller: CallerDep) -> Response:
    """The picture as it was kept."""
    with service.engine.connect() as connection:
        mine = connection.scalar(select(FILES.c.id).where(FILES.c.id == file, FILES.c.owner == caller.owner))
    if mine is None:
        raise NotFoundError(f"`file` must be one of yours, got {file[:64]}")
    record("file.out", caller.owner, file=file)
    headers = {"etag": f'"{file}"', "cache-control": "private, max-age=31536000, immutable"}
    return Response(service.blobs.get(file), media_type="image/png", headers=headers)


@router.delete("/{file}", status_code=204)
def remove(file: str, service: ServiceDep, caller: CallerDep) -> None:
    """Forget a file; its bytes go when nobody else has handed in the same."""
    with service.engine.begin() as connection:
        gone = delete(FILES).where(FILES.c.id == file, FILES.c.owner == caller.owner)
        if not connection.execute(gone).rowcount:
            raise NotFoundError(f"`file` must be one of yours, got {file[:64]}")
        shared = connection.scalar(select(FILES.c.id).where(FILES.c.id == file))
    if shared is None:
        service.blobs.delete(file)
    record("file.deleted", caller.owner, file=file)
