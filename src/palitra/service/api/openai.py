"""The OpenAI Images shape: the official `openai` package works against this server.

`generations` draws from words; `edits` takes the picture as a sketch. Both wait for the job, up to a
bound; fields of the recipe (`seed`, `steps`, `fidelity`, …) may be given beside OpenAI's. Pictures are for
looking at, so they are enlarged as the page's are, unless `upscale` is false; `size` has no meaning here.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Form, Request, UploadFile
from sqlalchemy import select

from palitra.errors import InputError, ServiceError
from palitra.service.api.acceptance import accept_job
from palitra.service.api.context import CallerDep, Service, ServiceDep
from palitra.service.api.files import keep
from palitra.service.api.provenance import signed
from palitra.service.jobs.job import OPEN, Job
from palitra.service.tables import PICTURES
from palitra.spec.build import RECIPES

router = APIRouter(prefix="/v1/images", tags=["openai"])
LONGEST_S = 300.0
POLL_S = 0.1
_IGNORED = ("size", "quality", "user", "style", "background", "moderation", "output_compression")


class TimeoutServiceError(ServiceError):
    """The job took longer than a request may; it goes on and can be fetched by its id."""

    code = "timeout"
    status = 504


@router.post("/generations")
def generate(
    body: Annotated[dict[str, Any], Body()], service: ServiceDep, caller: CallerDep
) -> dict[str, Any]:
    """Pictures from words, as base64 PNG files."""
    fields = _fields(body)
    kind = RECIPES.get(str(fields.setdefault("recipe", "text_to_image")))
    if kind is not None and "upscale" in kind.model_fields:
        fields.setdefault("upscale", True)
    job = accept_job(service, caller, fields)
    return _answer(service, _wait(service, caller.owner, job))


@router.post("/edits")
async def edit(
    request: Request,
    image: UploadFile,
    prompt: Annotated[str, Form(max_length=2000)],
    service: ServiceDep,
    caller: CallerDep,
) -> dict[str, Any]:
    """A picture that keeps the shape of `image`, which is taken as a sketch."""
    from starlette.concurrency import run_in_threadpool

    form = await request.form()
    given = {k: v for k, v in form.items() if isinstance(v, str)} | {"prompt": prompt}
    data = await image.read()

    def work() -> dict[str, Any]:
        file = keep(service, caller, data).id
        fields = _fields({k: _number(v) for k, v in given.items()})
        wish = {"upscale": True, **fields, "recipe": "sketch_to_image", "inputs": {"sketch": file}}
        job = accept_job(service, caller, wish)
        return _answer(service, _wait(service, caller.owner, job))

    return await run_in_threadpool(work)


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Our recipe's fields: what OpenAI's have no meaning for here is left out, unknown ones are told."""
    if body.get("stream"):
        raise InputError("`stream` must be false here: /v1/jobs/{id}/events tells the progress")
    if body.get("response_format") not in (None, "b64_json"):
        raise InputError(f"`response_format` must be b64_json, got {body['response_format']}")
    if body.get("output_format") not in (None, "png"):
        raise InputError(f"`output_format` must be png, got {body['output_format']}")
    left_out = (*_IGNORED, "response_format", "output_format", "stream")
    fields = {k: v for k, v in body.items() if k not in left_out and v is not None}
    # their models are not ours: a name of theirs means the server's own
    if str(fields.get("model", "")).startswith(("gpt-image", "dall-e", "chatgpt")):
        del fields["model"]
    return fields


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _wait(service: Service, owner: str, job: Job) -> Job:
    until = time.monotonic() + LONGEST_S
    while job.state in OPEN:
        if time.monotonic() > until:
            raise TimeoutServiceError(
                f"`job` {job.id} is not done after {LONGEST_S:g} s: ask /v1/jobs for it"
            )
        time.sleep(POLL_S)
        job = service.jobs.get(owner, job.id)
    if job.state != "done":
        raise ServiceError(job.error or f"the job was {job.state}")
    return job


def _answer(service: Service, job: Job) -> dict[str, Any]:
    whole = (PICTURES.c.job == job.id) & (PICTURES.c.kind != "part")
    wanted = select(PICTURES.c.id, PICTURES.c.blob).where(whole).order_by(PICTURES.c.rank)
    with service.engine.connect() as connection:
        rows = connection.execute(wanted).all()
    bytes_of = [signed(service, service.blobs.get(r.blob), "image/png", r.id, job.id) for r in rows]
    data = [{"b64_json": base64.b64encode(each).decode()} for each in bytes_of]
    return {"created": int(job.created_at), "data": data, "job": job.id}
