"""The web page: files that the build put beside this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PAGE: Final = Path(__file__).parents[1] / "page"
MISSING: Final = """<!doctype html><meta charset="utf-8"><title>palitra</title><h1>palitra</h1>
<p>The API works (<a href="/openapi.json">its description</a>), but the web page was not built into this
copy: install the package anew with pip, or run <code>npm ci</code> and <code>npm run build</code>
in <code>web/</code>.</p>
<p lang="ru">API работает (<a href="/openapi.json">описание</a>), но страница в эту копию не собрана:
установите пакет заново.</p>
"""


class PageFiles(StaticFiles):
    """Names of assets hold their content's hash, so browsers keep them; the rest is asked for again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, with how long a browser may keep it."""
        response = await super().get_response(path, scope)
        kept = "public, max-age=31536000, immutable" if path.startswith("assets") else "no-cache"
        response.headers["cache-control"] = kept
        return response


def install(app: FastAPI, folder: Path = PAGE) -> None:
    """Serve the page at `/`, or a sentence when it was not built. Comes after all other routes."""
    if (folder / "index.html").is_file():

        @app.get("/docs", include_in_schema=False)
        def docs() -> FileResponse:
            """The API's page."""
            return FileResponse(folder / "docs.html", headers={"cache-control": "no-cache"})

        @app.get("/study/{name}", include_in_schema=False)
        def study(name: str) -> FileResponse:
            """The page of a study, of whatever name: it asks the API whether there is one."""
            return FileResponse(folder / "study.html", headers={"cache-control": "no-cache"})

        app.mount("/", PageFiles(directory=folder, html=True), name="page")
        return

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    def missing() -> Any:
        """The page was not built."""
        return MISSING
