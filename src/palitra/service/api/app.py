"""The FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from palitra.service.api import (
    catalogue,
    description,
    files,
    images,
    jobs,
    keys,
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
from palitra.service.settings import Settings
from palitra.version import __version__


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API over the settings' database and store; opened when the application starts."""
    chosen = (settings or Settings()).check()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = Service.open(chosen)
        try:
            yield
        finally:
            await service.hub.close()
            service.close()

    app = FastAPI(title="palitra", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    for part in (jobs, queue, files, openai, images, provenance, catalogue, session, keys, studies):
        app.include_router(part.router)
    problems.install(app)
    description.install(app)
    page.install(app)
    app.add_middleware(Rates, settings=chosen)
    app.add_middleware(Guard, settings=chosen)
    return app
