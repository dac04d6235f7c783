"""`/v1/jobs`: hand in, look, cancel, try again, delete, and watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import select

from palitra.errors import NotFoundError
from palitra.service.api.acceptance import accept_again, accept_job
from palitra.service.api.archive import files_of, zipped
from palitra.service.api.context import CallerDep, ServiceDep
from palitra.service.api.problems import language_of
from palitra.service.api.views import JobView, Page, PictureView, job_view, parts_of
from palitra.service.audit import record
from palitra.service.files.naming import drop_unnamed
from palitra.service.jobs.job import Job, State
from palitra.service.russian import in_russian
from palitra.service.tables import PREVIEWS

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Wish = Annotated[
    dict[str, Any],
    Body(
        description="`recipe`, its fields as `/v1/recipes` describes them, and `inputs`: file ids by name.",
        examples=[{"recipe": "text_to_image", "prompt": "a photo of a cat", "n": 2}],
    ),
]


@router.post("", status_code=202)
def accept(
    wish: Wish,
    request: Request,
    response: Response,
    service: ServiceDep,
    caller: CallerDep,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> JobView:
    """Accept a job. With an `Idempotency-Key` the same request is accepted once, however often it is sent."""
    job = accept_job(service, caller, wish, idempotency_key)
    response.headers["location"] = f"/v1/jobs/{job.id}"
    return job_view(service.engine, job, language_of(request))


@router.get("")
def page(
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    state: Annotated[list[State] | None, Query()] = None,
    cursor: float | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page:
    """The caller's jobs, newest first."""
    jobs = service.jobs.page(caller.owner, state or (), cursor, limit)
    views = [job_view(service.engine, job, language_of(request)) for job in jobs]
    return Page(jobs=views, cursor=jobs[-1].created_at if len(jobs) == limit else None)


@router.get("/{job}")
def look(job: str, request: Request, service: ServiceDep, caller: CallerDep) -> JobView:
    """One job."""
    return job_view(service.engine, service.jobs.get(caller.owner, job), language_of(request))


@router.post("/{job}/cancel")
def cancel(job: str, request: Request, service: ServiceDep, caller: CallerDep) -> JobView:
    """Stop a job, within one sampling step if it runs. What has ended stays as it is."""
    found = service.jobs.cancel(caller.owner, job)
    record("job.cancelled", caller.owner, job=job)
    return job_view(service.engine, found, language_of(request))


@router.post("/{job}/retry", status_code=202)
def retry(job: str, request: Request, service: ServiceDep, caller: CallerDep) -> JobView:
    """The same wish with the same seeds as a new job."""
    return job_view(service.engine, accept_again(service, caller, job), language_of(request))


@router.delete("/{job}", status_code=204)
def forget(job: str, service: ServiceDep, caller: CallerDep) -> None:
    """Delete a job with its events and pictures; a running one is cancelled first."""
    blobs = service.jobs.delete(caller.owner, job)
    drop_unnamed(service.engine, service.blobs, blobs)
    record("job.deleted", caller.owner, job=job)


@router.get("/{job}/parts")
def parts(
    job: str,
    service: ServiceDep,
    caller: CallerDep,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[PictureView]:
    """The single pictures of a job's sheet, in the order of their seeds."""
    service.jobs.get(caller.owner, job)
    return parts_of(service.engine, job, offset, limit)


@router.get("/{job}/zip", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
def archive(job: str, service: ServiceDep, caller: CallerDep) -> Response:
    """All pictures of a job as one archive; parts of a sheet lie in a folder of their class."""
    service.jobs.get(caller.owner, job)
    files = files_of(service.engine, job)
    if not files:
        raise NotFoundError("`job` must have pictures to pack, but it has none yet")
    record("job.out", caller.owner, job=job, images=len(files))
    headers = {"content-disposition": f'attachment; filename="palitra-{job[:8]}.zip"'}
    packed = zipped(service, job, files)
    return StreamingResponse(packed, media_type="application/zip", headers=headers)


@router.get(
    "/{job}/preview",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "It is as it was"}},
)
def preview(job: str, request: Request, service: ServiceDep, caller: CallerDep) -> Response:
    """The newest small JPEG of what is being drawn."""
    service.jobs.get(caller.owner, job)
    with service.engine.connect() as connection:
        row = connection.execute(select(PREVIEWS).where(PREVIEWS.c.job == job)).first()
    if row is None:
        raise NotFoundError("`preview` must have been made, but there is none yet")
    tag = f'"{row.seq}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    return Response(row.jpeg, media_type="image/jpeg", headers={"etag": tag, "cache-control": "no-cache"})


def own_job(job: str, service: ServiceDep, caller: CallerDep) -> Job:
    """The caller's job, found before a stream begins: afterwards it is too late for a 404."""
    return service.jobs.get(caller.owner, job)


@router.get("/{job}/events", response_class=EventSourceResponse)
async def events(
    found: Annotated[Job, Depends(own_job)],
    request: Request,
    service: ServiceDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `state`, `progress`, `preview`, `image`, `end`; goes on after `Last-Event-ID`."""
    after = int(last_event_id) if last_event_id and last_event_id.isdigit() else 0
    russian = language_of(request) == "ru"
    async for event in service.hub.stream(found.id, after):
        data = event.data
        if russian and data.get("detail"):
            data = {**data, "detail": in_russian(data["detail"])}
        yield ServerSentEvent(data=data, event=event.kind, id=str(event.seq))
