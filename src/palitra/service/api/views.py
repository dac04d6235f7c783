"""What the API says about jobs and pictures: the JSON shapes that clients are typed by."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import Engine, func, select

from palitra.data.notes import Note
from palitra.service.jobs.job import Job
from palitra.service.jobs.place import place_of
from palitra.service.russian import in_russian
from palitra.service.tables import PICTURES
from palitra.spec.build import title_of


class PictureView(BaseModel):
    """A finished picture; its bytes are at `/v1/images/{id}`.

    A "sheet" shows many "parts" at once; a sheet's seed is its first part's. `name` of a part is its class,
    of an edit its wish.
    """

    id: str
    job: str
    seed: int
    kind: Literal["picture", "sheet", "part"] = "picture"
    name: str | None = None
    width: int
    height: int
    favourite: bool
    created_at: float


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class JobView(BaseModel):
    """A job. `ahead` and `eta_s` are given while it is open; `eta_s` is null when no worker is there.

    title: what was asked for, in a line. parts: single pictures of its sheet, at `/v1/jobs/{id}/parts`.
    """

    id: str
    recipe: str
    title: str
    params: dict[str, Any]
    inputs: dict[str, str]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    created_at: float
    started_at: float | None
    finished_at: float | None
    done: int
    total: int
    ahead: int | None = None
    eta_s: float | None = None
    notes: list[str] = []
    images: list[PictureView] = []
    parts: int = 0
    error: ErrorView | None = None
    retry_of: str | None = None
    consent: bool = False


class Page(BaseModel):
    """Jobs, newest first; `cursor` goes to the next page, null at the last."""

    jobs: list[JobView]
    cursor: float | None


def job_view(engine: Engine, job: Job, language: str = "en") -> JobView:
    """A job with its place, its pictures and its notes in words."""
    place = place_of(engine, job) if job.state in ("queued", "running") else None
    eta = None if place is None or place.eta_s is None else round(place.eta_s, 1)
    return JobView(
        id=job.id,
        recipe=job.recipe,
        title=title_of(job.params),
        params=job.params,
        inputs=job.inputs,
        state=job.state,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        done=job.done,
        total=job.total,
        ahead=None if place is None else place.ahead,
        eta_s=eta,
        notes=words(job.notes or [], language),
        images=pictures_of(engine, job.id),
        parts=_parts(engine, job.id),
        error=_error(job, language),
        retry_of=job.retry_of,
        consent=job.consent,
    )


def _error(job: Job, language: str) -> ErrorView | None:
    if not job.error_code:
        return None
    detail = job.error or ""
    return ErrorView(code=job.error_code, detail=in_russian(detail) if language == "ru" else detail)


def pictures_of(engine: Engine, job: str) -> list[PictureView]:
    """A job's pictures in the order of their seeds, without the parts of a sheet."""
    mine = select(PICTURES).where(PICTURES.c.job == job, PICTURES.c.kind != "part")
    wanted = mine.order_by(PICTURES.c.rank)
    with engine.connect() as connection:
        return [picture_view(row) for row in connection.execute(wanted)]


def parts_of(engine: Engine, job: str, offset: int, limit: int) -> list[PictureView]:
    """Single pictures of a job's sheet in the order of their seeds."""
    mine = select(PICTURES).where(PICTURES.c.job == job, PICTURES.c.kind == "part")
    wanted = mine.order_by(PICTURES.c.rank).offset(offset).limit(limit)
    with engine.connect() as connection:
        return [picture_view(row) for row in connection.execute(wanted)]


def _parts(engine: Engine, job: str) -> int:
    mine = select(func.count()).where(PICTURES.c.job == job, PICTURES.c.kind == "part")
    with engine.connect() as connection:
        return connection.scalar(mine) or 0


def picture_view(row: Any) -> PictureView:
    """From a row of `palitra_pictures`."""
    return PictureView(
        id=row.id,
        job=row.job,
        seed=seed_of(row.seed),
        kind=row.kind,
        name=row.name,
        width=row.width,
        height=row.height,
        favourite=row.favourite,
        created_at=row.created_at,
    )


def seed_of(kept: str) -> int:
    """The number in a kept seed, which may begin with a letter."""
    return int(kept.lstrip(ascii_lowercase))


def words(notes: list[dict[str, Any]], language: str) -> list[str]:
    """Stored notes as sentences."""
    return [Note(n["code"], tuple(n["params"].items())).text(language) for n in notes]
