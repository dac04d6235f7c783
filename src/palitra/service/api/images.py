"""`/v1/images`: finished pictures, the gallery, favourites."""

from __future__ import annotations

import io
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import Engine, delete, func, select, update

from palitra.errors import NotFoundError
from palitra.service.api.context import CallerDep, ServiceDep
from palitra.service.api.provenance import signed
from palitra.service.api.views import PictureView, picture_view
from palitra.service.audit import record
from palitra.service.files.naming import drop_unnamed
from palitra.service.tables import JOBS, PICTURES
from palitra.spec.build import title_of

router = APIRouter(prefix="/v1/images", tags=["images"])
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


class Shown(PictureView):
    """A picture with the words it was made from, or what else was asked for."""

    prompt: str


class Gallery(BaseModel):
    """Pictures, newest first; `cursor` goes to the next page."""

    images: list[Shown]
    cursor: float | None


class Change(BaseModel):
    """What may be changed about a picture."""

    favourite: bool


@router.get("")
def gallery(
    service: ServiceDep,
    caller: CallerDep,
    search: Annotated[str, Query(max_length=200)] = "",
    favourite: bool | None = None,
    cursor: float | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 40,
) -> Gallery:
    """The caller's pictures, newest first; `search` looks into their prompts, classes and wishes."""
    words = (JOBS.c.params[field].as_string() for field in ("prompt", "label", "target"))
    prompt = func.coalesce(*words, "")
    wanted = (
        select(PICTURES, JOBS.c.params)
        .join(JOBS, JOBS.c.id == PICTURES.c.job)
        .where(PICTURES.c.owner == caller.owner, PICTURES.c.kind != "part")
    )
    if search:
        wanted = wanted.where(func.lower(prompt).contains(search.lower(), autoescape=True))
    if favourite is not None:
        wanted = wanted.where(PICTURES.c.favourite == favourite)
    if cursor is not None:
        wanted = wanted.where(PICTURES.c.created_at < cursor)
    wanted = wanted.order_by(PICTURES.c.created_at.desc()).limit(limit)
    with service.engine.connect() as connection:
        rows = connection.execute(wanted).all()
    images = [Shown(**picture_view(row).model_dump(), prompt=_prompt(row)) for row in rows]
    return Gallery(images=images, cursor=images[-1].created_at if len(images) == limit else None)


@router.get(
    "/{image}",
    response_class=Response,
    responses={
        200: {"content": {media: {} for media in FORMATS.values()}},
        304: {"description": "It is as it was"},
    },
)
def show(
    image: str,
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    format: Annotated[Literal["png", "jpeg", "webp"], Query()] = "png",
    width: Annotated[int | None, Query(ge=16, le=4096)] = None,
    metadata: bool = True,
) -> Response:
    """A picture's bytes; `width` scales it, `metadata=false` leaves its recipe out."""
    row = _own(service.engine, caller.owner, image)
    # signed anew each time, so the bytes are equal only in meaning
    weak = "W/" if service.provenance else ""
    tag = f'{weak}"{row.blob[:32]}-{format}-{width or 0}-{int(metadata)}"'
    headers = {"etag": tag, "cache-control": "private, max-age=31536000, immutable"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    data = service.blobs.get(row.blob)
    record("image.out", caller.owner, image=image, job=row.job)
    if format != "png" or width is not None or not metadata:
        data = _convert(data, format, width, metadata)
    data = signed(service, data, FORMATS[format], image, row.job)
    return Response(data, media_type=FORMATS[format], headers=headers)


@router.patch("/{image}")
def change(image: str, wish: Change, service: ServiceDep, caller: CallerDep) -> PictureView:
    """Mark or unmark a favourite."""
    _own(service.engine, caller.owner, image)
    with service.engine.begin() as connection:
        connection.execute(update(PICTURES).where(PICTURES.c.id == image).values(favourite=wish.favourite))
    return picture_view(_own(service.engine, caller.owner, image))


@router.delete("/{image}", status_code=204)
def remove(image: str, service: ServiceDep, caller: CallerDep) -> None:
    """Delete a picture, and a sheet with its parts; bytes go when no other picture has the same."""
    row = _own(service.engine, caller.owner, image)
    gone = PICTURES.c.id == image
    if row.kind == "sheet":
        gone |= (PICTURES.c.job == row.job) & (PICTURES.c.kind == "part")
    with service.engine.begin() as connection:
        blobs = set(connection.scalars(select(PICTURES.c.blob).where(gone)))
        connection.execute(delete(PICTURES).where(gone))
    drop_unnamed(service.engine, service.blobs, blobs)
    record("image.deleted", caller.owner, image=image, job=row.job)


def _prompt(row: Any) -> str:
    """Of several wishes the picture's own."""
    params = row.params
    return title_of({**params, "target": row.name} if row.name and "target" in params else params)


def _own(engine: Engine, owner: str, image: str) -> Any:
    with engine.connect() as connection:
        wanted = select(PICTURES).where(PICTURES.c.id == image, PICTURES.c.owner == owner)
        row = connection.execute(wanted).first()
    if row is None:
        raise NotFoundError(f"`image` must be one of yours, got {image[:40]}")
    return row


def _convert(data: bytes, form: str, width: int | None, metadata: bool) -> bytes:
    """Another format or size; the recipe goes along as EXIF text where it is wanted."""
    from PIL import Image, PngImagePlugin

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        recipe = picture.info.get("palitra", "") if metadata else ""
        image: Image.Image = picture.convert("RGB")
    if width is not None:
        size = (width, max(1, round(image.height * width / image.width)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    if form == "png":
        info = PngImagePlugin.PngInfo()
        if recipe:
            info.add_text("palitra", recipe, zip=len(recipe) > 2048)
        image.save(buffer, "PNG", pnginfo=info)
        return buffer.getvalue()
    exif = Image.Exif()
    if recipe and len(recipe) < 60_000:
        exif[0x010E] = recipe  # ImageDescription
    image.save(buffer, form.upper(), quality=92, exif=exif)
    return buffer.getvalue()
