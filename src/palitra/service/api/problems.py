"""Errors as RFC 9457 problem details with stable codes, in the caller's language."""

from __future__ import annotations

import logging
import math
import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from palitra.errors import BusyError, InputError, PalitraError, ServiceError

LOG = logging.getLogger("palitra.api")
TITLES: dict[str, dict[str, str]] = {
    "bad_input": {"en": "Something in the request is not right", "ru": "В запросе что-то не так"},
    "bad_image": {"en": "The picture cannot be used", "ru": "Эту картинку нельзя использовать"},
    "bad_weights": {"en": "The model's weights cannot be used", "ru": "Веса модели не годятся"},
    "model_not_found": {"en": "There is no such model", "ru": "Такой модели нет"},
    "cannot_combine": {"en": "These parts do not go together", "ru": "Это не сочетается"},
    "out_of_memory": {"en": "It does not fit into memory", "ru": "Не хватило памяти"},
    "disk": {"en": "Files cannot be written now", "ru": "Сейчас нельзя записать файлы"},
    "not_found": {"en": "There is no such thing", "ru": "Такого нет"},
    "conflict": {"en": "Not possible in this state", "ru": "Сейчас это невозможно"},
    "queue_full": {"en": "Too many jobs are waiting", "ru": "Слишком много заданий в очереди"},
    "no_access": {"en": "No access", "ru": "Нет доступа"},
    "unavailable": {"en": "Not available now", "ru": "Сейчас недоступно"},
    "timeout": {"en": "It takes longer than a request may", "ru": "Это дольше, чем может ждать запрос"},
    "method": {"en": "Not a way to use this address", "ru": "Так к этому адресу нельзя"},
    "internal": {"en": "A fault of ours", "ru": "Наша ошибка"},
}
OPENAI = ("/v1/images/generations", "/v1/images/edits")
_FIELD = re.compile(r"`([^`]+)`")


def language_of(request: Request) -> str:
    """Ru or en, by the first known language in Accept-Language."""
    for part in request.headers.get("accept-language", "").split(","):
        code = part.strip()[:2].lower()
        if code in ("ru", "en"):
            return code
    return "en"


def problem(
    request: Request, status: int, code: str, detail: str, fields: list[str] | None = None, **headers: str
) -> JSONResponse:
    """One problem document."""
    body: dict[str, Any] = {
        "type": f"urn:palitra:{code}",
        "title": TITLES.get(code, TITLES["internal"])[language_of(request)],
        "status": status,
        "code": code,
        "detail": detail,
    }
    if fields:
        body["fields"] = fields
    media = "application/problem+json"
    if request.url.path in OPENAI:
        # the official package reads its own shape, and only from plain JSON
        body["error"] = {"message": detail, "type": code, "code": code, "param": None}
        media = "application/json"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(body, status, headers=named, media_type=media)


def install(app: FastAPI) -> None:
    """Turn every error into a problem; nothing of ours leaks a traceback."""

    @app.exception_handler(PalitraError)
    def ours(request: Request, error: PalitraError) -> JSONResponse:
        status = (
            error.status if isinstance(error, ServiceError) else 422 if isinstance(error, InputError) else 503
        )
        text = error.text(language_of(request))
        fields = _FIELD.findall(str(error))[:1]
        if isinstance(error, BusyError):
            return problem(
                request, status, error.code, text, fields, retry_after=str(math.ceil(error.retry_after_s))
            )
        return problem(request, status, error.code, text, fields)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return problem(request, 422, "bad_input", f"`{field}`: {first['msg']}", [field])

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method", 401: "no_access", 403: "no_access"}.get(
            error.status_code, "bad_input" if error.status_code < 500 else "internal"
        )
        return problem(request, error.status_code, code, str(error.detail), None, **dict(error.headers or {}))

    @app.exception_handler(OperationalError)
    def database(request: Request, error: OperationalError) -> JSONResponse:
        LOG.error("database: %s", error.orig)
        words = {
            "en": "the database does not answer: try again soon",
            "ru": "база не отвечает",
        }
        return problem(request, 503, "unavailable", words[language_of(request)], None, retry_after="5")

    @app.exception_handler(Exception)
    def fault(request: Request, error: Exception) -> JSONResponse:
        LOG.exception("fault at %s", request.url.path, exc_info=error)
        words = {"en": "a fault of ours; it is in the log", "ru": "наша ошибка; она в журнале"}
        return problem(request, 500, "internal", words[language_of(request)])
