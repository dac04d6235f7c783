"""Errors as RFC 9457 problem details with stable codes, in the caller's language."""

from __future__ import annotations

import logging
import math
import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from palitra.errors import BusyError, InputError, PalitraError, ServiceError
from palitra.service.api.validation import request_sentence
from palitra.service.russian import in_russian

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
    "live_off": {"en": "No live pictures here", "ru": "Картинок на ходу здесь нет"},
    "live_starting": {"en": "Live pictures are starting", "ru": "Картинки на ходу запускаются"},
    "superseded": {"en": "A newer drawing has come", "ru": "Пришёл более новый рисунок"},
    "storage_full": {"en": "There is no room left", "ru": "Места больше нет"},
    "no_access": {"en": "No access", "ru": "Нет доступа"},
    "unavailable": {"en": "Not available now", "ru": "Сейчас недоступно"},
    "timeout": {"en": "It takes longer than a request may", "ru": "Это дольше, чем может ждать запрос"},
    "method": {"en": "Not a way to use this address", "ru": "Так к этому адресу нельзя"},
    "bad_host": {"en": "This name of the server is unknown", "ru": "Сервер не знает такого своего имени"},
    "bad_origin": {"en": "Another site may not ask this", "ru": "Другому сайту так нельзя"},
    "too_large": {"en": "The request is too large", "ru": "Запрос слишком большой"},
    "too_slow": {"en": "The request came too slowly", "ru": "Запрос шёл слишком долго"},
    "too_many": {"en": "Too many requests", "ru": "Слишком много запросов"},
    "consent_needed": {"en": "Does the person agree?", "ru": "Согласен ли человек на снимке?"},
    "content_refused": {"en": "This cannot be drawn here", "ru": "Здесь такое не рисуют"},
    "cancelled": {"en": "It was stopped", "ru": "Остановлено"},
    "internal": {"en": "A fault of ours", "ru": "Наша ошибка"},
}
DATABASE = "the database does not answer: try again soon"
FAULT = "a fault of ours; it is in the log"
UNREADABLE = "`body` must be readable, got one that is not"
BY_STATUS = {
    401: ("no_access", "`Authorization` must hold an API key, or somebody must be logged in"),
    403: ("no_access", "this is not allowed"),
    404: ("not_found", "there is nothing at this address"),
    405: ("method", "this address takes other methods"),
}
WITH_FIELDS = (
    "bad_input",
    "bad_image",
    "too_large",
    "bad_host",
    "bad_origin",
    "model_not_found",
    "consent_needed",
    "storage_full",
)
_SENTENCE = re.compile(
    r"`(?P<field>[^`]+)` (?:must (?:be |have )?|needs |holds )?(?P<bound>.+?)"
    r"(?:, (?:got|but) (?P<value>.+))?$",
    re.DOTALL,
)
OPENAI = ("/v1/images/generations", "/v1/images/edits")


def language_of(request: Request) -> str:
    """Ru or en, by the first known language in Accept-Language."""
    return _language(request.headers.get("accept-language", ""))


def _language(accepted: str) -> str:
    for part in accepted.split(","):
        code = part.strip()[:2].lower()
        if code in ("ru", "en"):
            return code
    return "en"


class Fault(BaseModel):
    """One field that is not right: what it must be, and what it was."""

    field: str
    bound: str | None = None
    value: str | None = None


class Problem(BaseModel):
    """What went wrong, after RFC 9457: a stable `code`, words in the caller's language."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request: str
    fields: list[Fault] = []


def problem_answer(
    scope: Scope, status: int, code: str, detail: str, ru: str | None = None, headers: Any = None
) -> JSONResponse:
    """One problem document. `detail` is English; its Russian form is `ru` or is found."""
    language = _language(Headers(scope=scope).get("accept-language", ""))
    body: dict[str, Any] = {
        "type": f"urn:palitra:{code}",
        "title": TITLES.get(code, TITLES["internal"])[language],
        "status": status,
        "code": code,
        "detail": (ru or in_russian(detail)) if language == "ru" else detail,
        "request": scope.get("state", {}).get("request", ""),
    }
    fault = _SENTENCE.match(detail)
    if fault and code in WITH_FIELDS:
        given = {name: value for name, value in fault.groupdict().items() if value is not None}
        body["fields"] = [Fault(**given).model_dump(exclude_none=True)]
    media = "application/problem+json"
    if scope["path"] in OPENAI:
        # the official package reads its own shape, and only from plain JSON
        body["error"] = {"message": body["detail"], "type": code, "code": code, "param": None}
        media = "application/json"
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=media)


def install(app: FastAPI) -> None:
    """Turn every error into a problem; nothing of ours leaks a traceback."""

    @app.exception_handler(PalitraError)
    def ours(request: Request, error: PalitraError) -> JSONResponse:
        status = (
            error.status if isinstance(error, ServiceError) else 422 if isinstance(error, InputError) else 503
        )
        headers = {}
        if isinstance(error, BusyError):
            headers["retry-after"] = str(math.ceil(error.retry_after_s))
        return problem_answer(request.scope, status, error.code, str(error), error.ru, headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return problem_answer(request.scope, 422, "bad_input", request_sentence(error.errors()[0]))

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        code, detail = BY_STATUS.get(
            error.status_code,
            ("bad_input", UNREADABLE) if error.status_code < 500 else ("internal", FAULT),
        )
        return problem_answer(request.scope, error.status_code, code, detail, headers=error.headers)

    @app.exception_handler(OperationalError)
    def database(request: Request, error: OperationalError) -> JSONResponse:
        LOG.error("database: %s", error.orig)
        return problem_answer(request.scope, 503, "unavailable", DATABASE, headers={"retry-after": "5"})

    @app.exception_handler(Exception)
    def fault(request: Request, error: Exception) -> JSONResponse:
        LOG.exception("fault at %s", request.url.path, exc_info=error)
        return problem_answer(request.scope, 500, "internal", FAULT)
