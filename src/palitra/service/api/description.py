"""The OpenAPI description: what FastAPI finds, with the recipes as the body of a job and our problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from palitra.service.api.guard import COOKIE
from palitra.service.api.problems import OPENAI, Problem
from palitra.spec.build import RECIPES
from palitra.spec.dials import FileInput

WORDS: Final = {
    400: "The request cannot be read",
    401: "No login, or a wrong one",
    403: "Not allowed",
    404: "There is no such thing, or it is somebody else's",
    408: "The body came too slowly",
    409: "Not possible in this state",
    413: "The body is too large, or so much is kept that there is no room",
    422: "Something in the request is not right",
    429: "Too many requests or waiting jobs; `Retry-After` says when to come back",
    503: "Not available now; nothing was accepted",
    504: "It takes longer than a request may",
}
REF: Final = "#/components/schemas/{model}"
CONSENT: Final = {
    "type": "boolean",
    "default": False,
    "description": "The people in the photos agree; needed with an input of x-subject person, and with one "
    "of x-subject anybody where words speak of people.",
}
SECURITY: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "A login, or nobody's."},
}


def install(app: FastAPI) -> None:
    """Let the application describe itself so."""
    found = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(found())
        return app.openapi_schema

    # FastAPI's documented way to change the description
    app.openapi = described  # type: ignore[method-assign]


def _complete(told: dict[str, Any]) -> dict[str, Any]:
    parts = told["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    kinds: tuple[type[BaseModel], ...] = (Problem, *RECIPES.values())
    for kind in kinds:
        schema = kind.model_json_schema(ref_template=REF)
        parts["schemas"] |= schema.pop("$defs", {})
        parts["schemas"][kind.__name__] = schema
    for recipe in RECIPES.values():
        _as_wish(parts["schemas"][recipe.__name__], recipe)
    parts["securitySchemes"] = SECURITY
    told["security"] = [{"key": []}, {"session": []}, {}]
    wish = told["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    wish["schema"] = {
        "oneOf": [{"$ref": REF.format(model=kind.__name__)} for kind in RECIPES.values()],
        "discriminator": {
            "propertyName": "recipe",
            "mapping": {name: REF.format(model=kind.__name__) for name, kind in RECIPES.items()},
        },
    }
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            for status in sorted(set(_problems(path, method, operation))):
                operation["responses"][str(status)] = _problem(path, status)
    return told


def _as_wish(schema: dict[str, Any], kind: Any) -> None:
    """A recipe as it is handed in: with its name and with the files it takes."""
    names = {given.name: _file(given) for given in kind.inputs}
    needed = [given.name for given in kind.inputs if given.required]
    files = {"type": "object", "properties": names, "required": needed, "additionalProperties": False}
    schema["properties"]["inputs"] = files
    schema["properties"]["consent"] = CONSENT
    schema["required"] = [*schema.get("required", []), "recipe", *(["inputs"] if needed else [])]
    # drawn by the service where it is missing
    schema["properties"]["seed"].pop("default", None)


def _file(given: FileInput) -> dict[str, str]:
    told = {"type": "string", "description": given.en.help}
    return told | ({"x-subject": given.subject} if given.subject else {})


def _problems(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    yield from (401, 403, 429, 503)
    if "{" in path:
        yield 404
    if "requestBody" in operation:
        yield from (400, 404, 408, 409, 413, 422)
    if "parameters" in operation:
        yield 422
    if path.endswith("/retry"):
        yield from (409, 413)
    if method == "delete" and path.startswith("/v1/files"):
        yield 409
    if path in OPENAI:
        yield 504


def _problem(path: str, status: int) -> dict[str, Any]:
    media = "application/json" if path in OPENAI else "application/problem+json"
    content = {media: {"schema": {"$ref": REF.format(model="Problem")}}}
    told: dict[str, Any] = {"description": WORDS[status], "content": content}
    if status == 429:
        told["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return told
