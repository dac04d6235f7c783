"""`/v1/queue`: how long it is, and an operator's pause."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import func, select

from palitra.service.api.context import CallerDep, OperatorDep, Service, ServiceDep
from palitra.service.audit import record
from palitra.service.jobs.pause import is_paused, set_paused
from palitra.service.tables import JOBS
from palitra.service.workers.heartbeat import living_workers

router = APIRouter(prefix="/v1/queue", tags=["queue"])


class QueueView(BaseModel):
    """The queue as everyone may see it."""

    queued: int
    running: int
    workers: int
    paused: bool


@router.get("")
def look(service: ServiceDep, caller: CallerDep) -> QueueView:
    """How many wait and run, and who works."""
    return _view(service)


@router.post("/pause")
def pause(service: ServiceDep, caller: OperatorDep) -> QueueView:
    """Begin nothing new; operators only."""
    set_paused(service.engine, True)
    record("queue.paused", caller.owner)
    return _view(service)


@router.post("/resume")
def resume(service: ServiceDep, caller: OperatorDep) -> QueueView:
    """Go on; operators only."""
    set_paused(service.engine, False)
    record("queue.resumed", caller.owner)
    return _view(service)


def _view(service: Service) -> QueueView:
    with service.engine.connect() as connection:
        states = select(JOBS.c.state, func.count()).where(JOBS.c.state.in_(("queued", "running")))
        counts = {row[0]: row[1] for row in connection.execute(states.group_by(JOBS.c.state))}
        workers = living_workers(connection, service.settings.dead_after_s)
    paused = is_paused(service.engine)
    return QueueView(
        queued=counts.get("queued", 0), running=counts.get("running", 0), workers=workers, paused=paused
    )
