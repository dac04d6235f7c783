"""Logs of the service's processes: lines for a terminal, JSON for machines, with request and job ids."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TextIO

REQUEST: Final[ContextVar[str]] = ContextVar("palitra_request", default="")
"""The id of the request that is being answered."""
JOBS: Final[ContextVar[tuple[str, ...]]] = ContextVar("palitra_jobs", default=())
"""The ids of the jobs that are being drawn."""


@contextmanager
def about_jobs(*jobs: str) -> Iterator[None]:
    """What is logged inside carries these job ids."""
    token = JOBS.set(jobs)
    try:
        yield
    finally:
        JOBS.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; a traceback is one string in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        told: dict[str, object] = {
            "at": moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if REQUEST.get():
            told["request"] = REQUEST.get()
        if JOBS.get():
            told["jobs"] = list(JOBS.get())
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A line for people; ids follow in brackets."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class names it
        """The line."""
        ids = " ".join(filter(None, (REQUEST.get(), *JOBS.get())))
        line = super().formatMessage(record)
        return f"{line} [{ids}]" if ids else line


class Bare(logging.Formatter):
    """Nothing but the message: audit lines are JSON already."""

    def format(self, record: logging.LogRecord) -> str:
        """The message."""
        return record.getMessage()


def set_up(
    form: Literal["text", "json"] = "text", audit: Path | None = None, stream: TextIO | None = None
) -> None:
    """Log to `stream` (standard error), and audit lines to a file of their own where one is named."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # these tell every request with its address, which may hold names of files and tokens
    for name in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if audit is None:
        return
    audit.parent.mkdir(parents=True, exist_ok=True)
    kept = logging.FileHandler(audit, encoding="utf-8")
    kept.setFormatter(Bare())
    logger = logging.getLogger("palitra.audit")
    logger.handlers[:] = [kept]
    logger.propagate = False


def moment(at: float) -> str:
    """A time of day in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
