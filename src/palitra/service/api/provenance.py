"""`/v1/provenance`: which marks does this picture carry?"""

from __future__ import annotations

import io
from typing import Annotated

from fastapi import APIRouter, UploadFile
from PIL import Image
from pydantic import BaseModel
from sqlalchemy import select

from palitra.errors import NotFoundError
from palitra.service.api.context import CallerDep, Service, ServiceDep
from palitra.service.files.marks import watermark_of
from palitra.service.files.provenance import read_manifest
from palitra.service.tables import JOBS

router = APIRouter(prefix="/v1/provenance", tags=["images"])


class Manifest(BaseModel):
    """A signed statement: "Trusted", "Valid" (whole, by a signer nobody here vouches for) or "Invalid"."""

    state: str | None
    signer: str | None
    made_by_a_model: bool
    tool: str | None


class InvisibleMark(BaseModel):
    """Whether this service's mark was found; `chance` that an unmarked picture scores as high."""

    found: bool
    score: float
    chance: float


class Marked(BaseModel):
    """What a picture carries; None where there is nothing, or (`invisible`) where this service has no key."""

    c2pa: Manifest | None
    invisible: InvisibleMark | None
    recipe: bool


@router.post("")
def inspect(
    file: Annotated[UploadFile, "a PNG, JPEG or WebP picture"], service: ServiceDep, caller: CallerDep
) -> Marked:
    """Look for marks; the picture is not kept."""
    data = file.file.read()
    clean = service.decoder.decode(data)
    mark, seen = watermark_of(service.settings), None
    if mark is not None:
        with Image.open(io.BytesIO(clean.png), formats=["PNG"]) as picture:
            found = mark.detect(picture)
        seen = InvisibleMark(found=found.found, score=round(found.score, 2), chance=found.chance)
    manifest = read_manifest(data, _media_type(data), service.anchors) if _media_type(data) else None
    stated = None if manifest is None else Manifest(**manifest)
    return Marked(c2pa=stated, invisible=seen, recipe=_has_recipe(data))


def signed(service: Service, data: bytes, media_type: str, picture: str, job: str) -> bytes:
    """The bytes that leave the service: with a manifest where the operator wants one."""
    if service.provenance is None:
        return data
    source, edited = _source(service, job)
    return service.provenance.sign(data, media_type, picture, source, edited)


def _source(service: Service, job: str) -> tuple[bytes | None, bool]:
    """The picture that a job drew from, and whether it is a photo that was edited.

    None for words alone, and where it was deleted since.
    """
    with service.engine.connect() as connection:
        inputs = connection.scalar(select(JOBS.c.inputs).where(JOBS.c.id == job)) or {}
    drawn_from = inputs.get("sketch") or inputs.get("photo")
    if drawn_from is None:
        return None, False
    try:
        return service.blobs.get(drawn_from), "photo" in inputs
    except NotFoundError:
        return None, False


def _media_type(data: bytes) -> str:
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def _has_recipe(data: bytes) -> bool:
    """Ours in a PNG's text or as the description in EXIF."""
    with Image.open(io.BytesIO(data)) as picture:
        described = picture.getexif().get(0x010E, "") if picture.format in ("JPEG", "WEBP") else ""
        return "palitra" in picture.info or '"palitra"' in str(described)
