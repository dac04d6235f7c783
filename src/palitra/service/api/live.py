"""`/v1/live`: a picture while somebody draws, as the answer itself. Nothing of it is kept."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from palitra.errors import ContentRefusedError, InputError, LiveOffError, SupersededError
from palitra.service.api.context import Caller, CallerDep, Service, ServiceDep
from palitra.service.audit import record
from palitra.service.live.bounds import check_png
from palitra.service.live.lane import Lane, Wish
from palitra.service.live.process import Drawn

router = APIRouter(prefix="/v1/live", tags=["live"])
NUMBER: Final = "palitra-number"
MILLISECONDS: Final = "palitra-milliseconds"
_TAB: Final = re.compile(r"[A-Za-z0-9_-]+")


class LiveView(BaseModel):
    """Whether live pictures are drawn here, and by which model."""

    state: Literal["off", "starting", "ready"]
    model: str | None


@router.get("")
def look(service: ServiceDep, caller: CallerDep) -> LiveView:
    """How the lane of live pictures is."""
    if service.live is None:
        return LiveView(state="off", model=None)
    return LiveView(state="ready" if service.live.ready else "starting", model=service.settings.live_model)


@router.post("", response_class=Response, responses={200: {"content": {"image/webp": {}}}})
async def draw(
    sketch: Annotated[UploadFile, "the drawing as a PNG of at most 256 KiB and 1024 px a side"],
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    tab: Annotated[str, Form(min_length=8, max_length=64, description="Names the drawing's window.")],
    number: Annotated[int, Form(ge=0, lt=2**53, description="Grows with every drawing of the tab.")],
    seed: Annotated[int, Form(ge=0, lt=2**63)] = 0,
    prompt: Annotated[str, Form(max_length=2000, description="May be empty.")] = "",
    model: Annotated[str | None, Form(description="The model of live pictures; no other.")] = None,
) -> Response:
    """Draw now: a picture of at least 256 px, with `Palitra-Number` and `Palitra-Milliseconds`.

    A newer drawing of the same tab ends an older one, waiting or under way, with 409 `superseded`.
    """
    lane = service.live
    if lane is None:
        raise LiveOffError
    if not _TAB.fullmatch(tab):
        raise InputError(f"`tab` must be of a-z, A-Z, 0-9, _ and -, got {tab!r}")
    if model is not None and model != service.settings.live_model:
        raise InputError(f"`model` must be one of {service.settings.live_model}, got {model[:80]}")
    data = await sketch.read()
    check_png(data)
    await run_in_threadpool(_check_words, service, caller, prompt)
    clean = await run_in_threadpool(service.decoder.decode, data)
    wish = Wish(caller.owner, tab, number, clean.png, prompt, seed)
    if not lane.knows(wish):
        record("live.begun", caller.owner)
    drawn = await _asked(lane, wish, request)
    picture = drawn.picture
    if service.provenance is not None:
        picture = await run_in_threadpool(
            service.provenance.sign, picture, drawn.media, f"live-{number}", clean.png
        )
    headers = {NUMBER: str(number), MILLISECONDS: f"{drawn.ms:g}", "cache-control": "no-store"}
    return Response(picture, media_type=drawn.media, headers=headers)


def _check_words(service: Service, caller: Caller, prompt: str) -> None:
    try:
        service.filters.check_prompt(prompt)
    except ContentRefusedError:
        record("live.refused", caller.owner, prompt=prompt if service.settings.audit_prompts else None)
        raise


async def _asked(lane: Lane, wish: Wish, request: Request) -> Drawn:
    """The wish's picture, unless whoever wants it goes away first: then it is drawn no further."""
    asking = asyncio.create_task(lane.ask(wish))
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({asking, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            raise SupersededError
        return asking.result()
    finally:
        asking.cancel()
        gone.cancel()
        await asyncio.gather(asking, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    """Return when the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
