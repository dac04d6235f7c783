"""The audit log: who did what and when, one JSON object a line, without prompts and secrets."""

from __future__ import annotations

import json
import logging
import time
from typing import Final, Literal

from palitra.service.logs import REQUEST, moment

LOG: Final = logging.getLogger("palitra.audit")
Act = Literal[
    "job.accepted",
    "job.cancelled",
    "job.deleted",
    "job.out",
    "job.refused",
    "file.in",
    "file.out",
    "file.deleted",
    "image.out",
    "image.deleted",
    "key.made",
    "key.removed",
    "live.begun",
    "live.refused",
    "login.done",
    "login.failed",
    "login.ended",
    "queue.paused",
    "queue.resumed",
    "study.closed",
    "study.read",
]


def record(act: Act, owner: str, **what: object) -> None:
    """Write one line. `what` names things by their ids; a prompt is given only where a setting says so."""
    line = {"at": moment(time.time()), "act": act, "owner": owner, "request": REQUEST.get(), **what}
    LOG.info("%s", json.dumps({k: v for k, v in line.items() if v not in (None, "")}, ensure_ascii=False))
