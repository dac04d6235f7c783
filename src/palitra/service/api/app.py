"""The FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from palitra.service.api import (
    catalogue,
    description,
    files,
    images,
    jobs,
    keys,
    live,
    openai,
    page,
    problems,
    provenance,
    queue,
    session,
    studies,
)
from palitra.service.api.context import Service
from palitra.service.api.guard import Guard
from palitra.service.api.rates import Rates
from palitra.service.live.lane import open_lane
from palitra.service.settings import Settings
from palitra.version import __version__


def create_app(settings: Settings | None = None, live_worker: Sequence[str] | None = None) -> FastAPI:
    """The API over the settings' database and store; opened when the application starts.

    live_worker: the command of a process that draws live pictures; without it there are none.
    """
    chosen = (settings or Settings()).check()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = Service.open(chosen)
        try:
            async with open_lane(live_worker) as service.live:
                if service.live is not None:
                    # the first drawing need not wait until a decoder's process has started
                    await run_in_threadpool(service.decoder.warm)
                yield
        finally:
            await service.hub.close()
            service.close()

    app = FastAPI(title="palitra", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    for part in (jobs, live, queue, files, openai, images, provenance, catalogue, session, keys, studies):
        app.include_router(part.router)
    problems.install(app)
    description.install(app)
    page.install(app)
    app.add_middleware(Rates, settings=chosen)
    app.add_middleware(Guard, settings=chosen)
    return app
