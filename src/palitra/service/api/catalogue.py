"""`/v1/recipes`, `/v1/models`, health and metrics: what there is and how it is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import func, select

from palitra.models.zoo import describe_models
from palitra.service.api.class_offer import RECIPE as CLASSES
from palitra.service.api.class_offer import offered_schema
from palitra.service.api.context import CallerDep, OperatorDep, ServiceDep
from palitra.service.database import database_time
from palitra.service.tables import JOBS
from palitra.service.workers.heartbeat import living_workers
from palitra.spec.build import RECIPES
from palitra.spec.presets import PRESETS
from palitra.version import __version__

router = APIRouter(tags=["catalogue"])


class ModelView(BaseModel):
    """A model by name; `ready` when its files are on this machine."""

    name: str
    title: str
    licence: str
    size_px: int
    ready: bool


class ClassModelView(BaseModel):
    """A class model: what it learned from, its classes, and which of truncation, guidance, steps it takes."""

    name: str
    title: str
    data: str
    licence: str
    architecture: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    takes: tuple[str, ...]
    size: int
    card: str


@router.get("/v1/recipes")
def recipes(service: ServiceDep) -> dict[str, Any]:
    """Every recipe: its JSON schema with labels in English and Russian, and the pictures it takes.

    Classes are among them as soon as there is a model that knows some.
    """
    always = service.settings.consent == "always"
    told = {}
    for name, kind in RECIPES.items():
        if name != CLASSES:
            told[name] = _recipe(kind, kind.model_json_schema(), always)
        elif service.classes:
            told[name] = _recipe(kind, offered_schema(service.classes))
    return told


def _recipe(kind: Any, schema: dict[str, Any], always: bool = False) -> dict[str, Any]:
    """always: photos that may show people are to be taken for ones that do."""
    inputs = [
        {
            "name": given.name,
            "kind": given.kind,
            "required": given.required,
            "subject": "person" if given.subject and always else given.subject,
            "text": {"en": vars(given.en), "ru": vars(given.ru)},
        }
        for given in kind.inputs
    ]
    title = {language: vars(words) for language, words in kind.title.items()}
    return {"title": title, "inputs": inputs, "schema": schema}


@router.get("/v1/presets")
def presets() -> list[dict[str, Any]]:
    """Named sets of dials; a recipe takes those it has."""
    return [
        {"name": p.name, "text": {"en": vars(p.en), "ru": vars(p.ru)}, "values": p.values} for p in PRESETS
    ]


@router.get("/v1/models")
def models(caller: CallerDep) -> list[ModelView]:
    """Known models."""
    return [
        ModelView(name=m.name, title=m.title, licence=m.licence, size_px=m.size_px, ready=m.present)
        for m in describe_models()
    ]


@router.get("/v1/classes")
def classes(service: ServiceDep, caller: CallerDep) -> list[ClassModelView]:
    """The models that the recipe of classes draws with, and their cards."""
    known = service.classes.values()
    return [ClassModelView(**{f: getattr(m, f) for f in ClassModelView.model_fields}) for m in known]


@router.get("/healthz", include_in_schema=False)
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz", include_in_schema=False)
def readyz(service: ServiceDep) -> JSONResponse:
    """The database answers and a worker lives."""
    with service.engine.connect() as connection:
        workers = living_workers(connection, service.settings.dead_after_s)
    status = "ready" if workers else "no worker"
    return JSONResponse({"status": status, "workers": workers}, 200 if workers else 503)


@router.get("/metrics", include_in_schema=False)
def metrics(service: ServiceDep, caller: OperatorDep) -> Response:
    """Gauges in the Prometheus text format; operators only."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    jobs = Gauge("palitra_jobs", "Jobs by state", ["state"], registry=registry)
    workers = Gauge("palitra_workers", "Workers with a fresh heartbeat", registry=registry)
    oldest = Gauge("palitra_oldest_queued_seconds", "Age of the oldest waiting job", registry=registry)
    with service.engine.connect() as connection:
        for state, count in connection.execute(select(JOBS.c.state, func.count()).group_by(JOBS.c.state)):
            jobs.labels(state).set(count)
        workers.set(living_workers(connection, service.settings.dead_after_s))
        first = connection.scalar(select(func.min(JOBS.c.created_at)).where(JOBS.c.state == "queued"))
        oldest.set(database_time(connection) - first if first else 0)
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")
