"""How every route accepts a job: its words are checked, it is queued, the audit log hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from palitra.errors import ContentRefusedError, InputError
from palitra.models.zoo import KNOWN
from palitra.service.api.class_offer import RECIPE, check_classes, with_model
from palitra.service.api.context import Caller, Service
from palitra.service.api.edit_offer import RECIPE as EDIT
from palitra.service.api.edit_offer import check_edit
from palitra.service.audit import record
from palitra.service.jobs.consent import SPOKEN, photos_of_people
from palitra.service.jobs.job import Job

NAMES: Final = tuple(model.name for model in KNOWN)


def accept_job(
    service: Service, caller: Caller, wish: Mapping[str, Any], idempotency_key: str | None = None
) -> Job:
    """Accept a wish.

    Raises:
        ContentRefusedError: a filter refuses its words.
        ConsentError: it draws from a photo of a person, and nobody said that they agree.
        InputError: a model that is not offered here, files that do not fit, or as `JobStore.put`.
        ServiceError: as `JobStore.put`.
    """
    if wish.get("recipe") == RECIPE:
        wish = with_model(wish, service.classes)
        check_classes(wish, service.classes)
    else:
        _check_model(service, wish.get("model"))
        _check(service, caller, wish)
        if wish.get("recipe") == EDIT:
            check_edit(service.engine, caller.owner, wish)
    admit = partial(service.room.check, caller.owner)
    job = service.jobs.put(caller.owner, wish, idempotency_key=idempotency_key, admit=admit)
    _record(service, caller, job)
    return job


def accept_again(service: Service, caller: Caller, job: str) -> Job:
    """The same wish as a new job; what is refused today is refused although it was accepted before.

    Raises:
        ContentRefusedError: a filter refuses its prompt.
        InputError: its class model is not offered any more.
        ServiceError: as `JobStore.retry`.
    """
    old = service.jobs.get(caller.owner, job)
    if old.recipe == RECIPE:
        check_classes(old.params, service.classes)
    _check(service, caller, old.params)
    again = service.jobs.retry(caller.owner, job, partial(service.room.check, caller.owner))
    _record(service, caller, again)
    return again


def _check_model(service: Service, model: object) -> None:
    """A name becomes a folder or a download of the worker, so only what the operator offers is taken."""
    offered = list(dict.fromkeys((service.settings.model, *NAMES, *service.settings.models)))
    if isinstance(model, str) and model not in offered:
        raise InputError(f"`model` must be one of {', '.join(offered)}, got {model[:80]}")


def _check(service: Service, caller: Caller, wish: Mapping[str, Any]) -> None:
    """Words of a wrong type are left to the recipe, which says what is wrong with them."""
    words = [wish[name] for name in SPOKEN if isinstance(wish.get(name), str)]
    try:
        for each in words:
            service.filters.check_prompt(each)
    except ContentRefusedError:
        record("job.refused", caller.owner, prompt=_shown(service, wish))
        raise


def _shown(service: Service, wish: Mapping[str, Any]) -> object:
    """A wish's words, where the audit log may hold them."""
    if not service.settings.audit_prompts:
        return None
    return wish.get("prompt") or wish.get("target")


def _record(service: Service, caller: Caller, job: Job) -> None:
    prompt = _shown(service, job.params)
    # who said for which photos that the people in them agree can be asked for later
    agreed = {"consent": True, "photos": [*photos_of_people(job.recipe, job.inputs).values()]}
    record(
        "job.accepted",
        caller.owner,
        job=job.id,
        recipe=job.recipe,
        retry_of=job.retry_of,
        prompt=prompt,
        **(agreed if job.consent else {}),
    )
