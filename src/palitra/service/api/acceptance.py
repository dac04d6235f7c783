"""How every route accepts a job: its words are checked, it is queued, the audit log hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from palitra.errors import ContentRefusedError
from palitra.service.api.context import Caller, Service
from palitra.service.audit import record
from palitra.service.jobs.job import Job


def accept_job(
    service: Service, caller: Caller, wish: Mapping[str, Any], idempotency_key: str | None = None
) -> Job:
    """Accept a wish.

    Raises:
        ContentRefusedError: a filter refuses its prompt.
        ServiceError, InputError: as `JobStore.put`.
    """
    _check(service, caller, wish.get("prompt"))
    job = service.jobs.put(caller.owner, wish, idempotency_key=idempotency_key)
    _record(service, caller, job)
    return job


def accept_again(service: Service, caller: Caller, job: str) -> Job:
    """The same wish as a new job; what is refused today is refused although it was accepted before.

    Raises:
        ContentRefusedError: a filter refuses its prompt.
        ServiceError: as `JobStore.retry`.
    """
    _check(service, caller, service.jobs.get(caller.owner, job).params["prompt"])
    again = service.jobs.retry(caller.owner, job)
    _record(service, caller, again)
    return again


def _check(service: Service, caller: Caller, prompt: object) -> None:
    if not isinstance(prompt, str):
        return  # the recipe says what is wrong with it
    try:
        service.filters.check_prompt(prompt)
    except ContentRefusedError:
        shown = prompt if service.settings.audit_prompts else None
        record("job.refused", caller.owner, prompt=shown)
        raise


def _record(service: Service, caller: Caller, job: Job) -> None:
    prompt = job.params["prompt"] if service.settings.audit_prompts else None
    record("job.accepted", caller.owner, job=job.id, recipe=job.recipe, retry_of=job.retry_of, prompt=prompt)
