"""Accepts, finds, cancels and ends jobs. Every change of state is one guarded update: one caller wins."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

from dbos import DBOSClient
from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from palitra.errors import BusyError, ConflictError, InputError, NotFoundError
from palitra.service.database import database_time
from palitra.service.files.blobs import is_name
from palitra.service.files.naming import lock_names
from palitra.service.jobs.consent import checked_consent
from palitra.service.jobs.durable import QUEUE, VERSION, WORKFLOW
from palitra.service.jobs.events import append_event
from palitra.service.jobs.job import OPEN, Job, State
from palitra.service.settings import Settings
from palitra.service.tables import FILES, JOBS, PICTURES
from palitra.spec.build import recipe_params
from palitra.spec.dials import batch_key
from palitra.spec.recipes import RecipeParams

SMALL_SEEDS = 2**31


class JobStore:
    """The jobs of all owners; every method that names an owner sees only that owner's."""

    def __init__(self, engine: Engine, client: DBOSClient, settings: Settings) -> None:
        self.engine, self.client, self.settings = engine, client, settings

    def put(
        self,
        owner: str,
        request: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        priority: int = 0,
        retry_of: str | None = None,
        admit: Callable[[Collection[str]], None] = lambda files: None,
    ) -> Job:
        """Accept a job: {"recipe": …, "inputs": {…}, and the recipe's fields}. A missing seed is drawn now.

        `consent` beside them says that the people in its photos agree. The job and its workflow are written
        in one transaction: both are there or neither. `admit` is asked with the job's files whether there
        is room for a new one.

        Raises:
            InputError: a field out of bounds, or a missing or unknown input.
            ConsentError: a photo of a person, or words about people to a photo, without consent.
            BusyError: too many jobs wait (429 for the owner's bound, 503 for the service's).
            ConflictError: the idempotency key was used for another request.
        """
        digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
        if idempotency_key:
            known = self._by_key(owner, idempotency_key, digest)
            if known:
                return known
        values = {k: v for k, v in request.items() if k not in ("inputs", "consent")}
        values.setdefault("seed", secrets.randbelow(SMALL_SEEDS))
        params = recipe_params(values)
        inputs = self._inputs(params, request.get("inputs") or {})
        admit(inputs.values())
        job = _row(owner, params, inputs)
        always = self.settings.consent == "always"
        job["consent"] = checked_consent(job["recipe"], inputs, request.get("consent"), job["params"], always)
        job |= {"priority": priority, "idempotency_key": idempotency_key, "request_hash": digest}
        job["retry_of"] = retry_of
        try:
            with self.engine.begin() as connection:
                self._check_files(connection, owner, inputs)
                self._check_room(connection, owner)
                now = database_time(connection)
                job |= {"created_at": now, "deadline_at": now + self.settings.deadline_s}
                connection.execute(insert(JOBS).values(**job))
                append_event(connection, job["id"], "state", {"state": "queued"})
                self.client.enqueue_in_transaction(
                    connection,
                    {
                        "workflow_name": WORKFLOW,
                        "queue_name": QUEUE,
                        "workflow_id": job["id"],
                        "app_version": VERSION,
                        "priority": priority + 1,
                        "queue_partition_key": owner,
                        "authenticated_user": owner,
                    },
                    job["id"],
                )
        except IntegrityError:
            known = self._by_key(owner, idempotency_key or "", digest)
            if known is None:
                raise
            return known
        return self.get(owner, job["id"])

    def get(self, owner: str, job: str) -> Job:
        """One job of the owner.

        Raises:
            NotFoundError: there is none: an unknown job is never "done".
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(JOBS).where(JOBS.c.id == job, JOBS.c.owner == owner)).first()
        if row is None:
            raise NotFoundError(f"`job` must be one of yours, got {job[:40]}")
        return Job.of(row)

    def page(
        self, owner: str, states: Sequence[State] = (), before: float | None = None, limit: int = 50
    ) -> list[Job]:
        """The owner's jobs, newest first, created before the cursor `before`."""
        wanted = select(JOBS).where(JOBS.c.owner == owner)
        if states:
            wanted = wanted.where(JOBS.c.state.in_(states))
        if before is not None:
            wanted = wanted.where(JOBS.c.created_at < before)
        wanted = wanted.order_by(JOBS.c.created_at.desc()).limit(limit)
        with self.engine.connect() as connection:
            return [Job.of(row) for row in connection.execute(wanted)]

    def cancel(self, owner: str, job: str) -> Job:
        """Stop a job; asking twice is fine. A finished job stays what it is."""
        self.get(owner, job)
        if end_job(self.engine, job, "cancelled"):
            self.client.cancel_workflow(job)
        return self.get(owner, job)

    def retry(
        self, owner: str, job: str, admit: Callable[[Collection[str]], None] = lambda files: None
    ) -> Job:
        """The same wish, with the same seeds, as a new job.

        Raises:
            ConflictError: the job has not ended yet.
        """
        old = self.get(owner, job)
        if old.state in OPEN:
            raise ConflictError(f"`job` must have ended to be retried, got one that is {old.state}")
        again = {**old.params, "inputs": old.inputs, "consent": old.consent}
        return self.put(owner, again, retry_of=job, admit=admit)

    def delete(self, owner: str, job: str) -> list[str]:
        """Forget a job, its events, preview and pictures; returns the blobs that these named."""
        if self.get(owner, job).state in OPEN:
            self.cancel(owner, job)
        with self.engine.begin() as connection:
            blobs = set(connection.scalars(select(PICTURES.c.blob).where(PICTURES.c.job == job)))
            connection.execute(delete(JOBS).where(JOBS.c.id == job, JOBS.c.owner == owner))
        self.client.delete_workflow(job)
        return sorted(blobs)

    def _by_key(self, owner: str, key: str, digest: str) -> Job | None:
        with self.engine.connect() as connection:
            row = connection.execute(
                select(JOBS).where(JOBS.c.owner == owner, JOBS.c.idempotency_key == key)
            ).first()
        if row is None:
            return None
        if row.request_hash != digest:
            raise ConflictError("`Idempotency-Key` must be new for a new request, got one used before")
        return Job.of(row)

    def _check_room(self, connection: Connection, owner: str) -> None:
        waiting = select(func.count()).select_from(JOBS).where(JOBS.c.state == "queued")
        mine = connection.scalar(waiting.where(JOBS.c.owner == owner)) or 0
        if mine >= self.settings.most_queued_per_owner:
            raise BusyError(
                f"`jobs` must be at most {self.settings.most_queued_per_owner} waiting at a time, "
                f"got {mine}: wait or cancel some",
                retry_after_s=10,
            )
        everyone = connection.scalar(waiting) or 0
        if everyone >= self.settings.most_queued:
            raise BusyError(
                f"`queue` must hold at most {self.settings.most_queued} jobs, got {everyone}: try later",
                retry_after_s=30,
                status=503,
            )

    def _inputs(self, params: RecipeParams, given: Any) -> dict[str, str]:
        known = {i.name: i for i in params.inputs}
        if not isinstance(given, Mapping):
            raise InputError(f"`inputs` must be file ids by name, got {given!r}")
        for name in given:
            if name not in known:
                raise InputError(f"`inputs` must be of {', '.join(known) or 'none'}, got {name}")
        for name, each in known.items():
            if each.required and not given.get(name):
                raise InputError(f"`inputs.{name}` must be given: the id of an uploaded file")
        return {name: str(file) for name, file in given.items() if file}

    def _check_files(self, connection: Connection, owner: str, wanted: Mapping[str, str]) -> None:
        """In the job's own transaction: a file that is there now is not tidied away before the job is."""
        lock_names(connection, filter(is_name, wanted.values()))
        mine = select(FILES.c.id).where(FILES.c.owner == owner, FILES.c.id.in_(wanted.values()))
        found = set(connection.scalars(mine))
        for name, file in wanted.items():
            if file not in found:
                raise NotFoundError(f"`inputs.{name}` must be a file you uploaded, got {file[:64]}")


def end_job(
    engine: Engine,
    job: str,
    state: State,
    code: str | None = None,
    error: str | None = None,
    mine: ColumnElement[bool] | None = None,
) -> bool:
    """Move an open job to its end and tell it; False when it had ended already, so that one caller wins.

    `mine` narrows it to a job that the caller may still write.
    """
    with engine.begin() as connection:
        changed = connection.execute(
            update(JOBS)
            .where(JOBS.c.id == job, JOBS.c.state.in_(OPEN), true() if mine is None else mine)
            .values(
                state=state,
                finished_at=database_time(connection),
                error_code=code,
                error=error and error[:1000],
            )
        ).rowcount
        if not changed:
            return False
        data = {"state": state} | ({"code": code, "detail": error} if code else {})
        append_event(connection, job, "end", data)
    return True


def _row(owner: str, params: RecipeParams, inputs: dict[str, str]) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "owner": owner,
        "recipe": params.model_dump()["recipe"],
        "params": params.model_dump(mode="json"),
        "inputs": inputs,
        "batch_key": batch_key(params),
        "cost_key": cost_key(params),
        "state": "queued",
        "crashes": 0,
        "done": 0,
        "total": params.work(),
    }


def cost_key(params: RecipeParams) -> str:
    """Jobs of equal keys take equally long for a picture: recipe, model, and what sets the recipe's pace."""
    name = params.model_dump()["recipe"]
    return f"{name}/{params.model[-60:]}/{params.pace()}"[:120]
