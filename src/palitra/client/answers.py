"""What the service tells, as types; its problems as `ApiError`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from palitra.errors import PalitraError

RECONNECT_S = 1.0
QUIET_S = 60.0  # the server sends a comment every 15 s


class ApiError(PalitraError):
    """A problem that the server answered; `code` and `status` are its."""

    exit_code = 2

    def __init__(self, status: int, code: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s


@dataclass(frozen=True)
class Image:
    """A finished picture; `name` of an edit is its wish."""

    id: str
    seed: int
    width: int
    height: int
    name: str | None = None


@dataclass(frozen=True)
class Job:
    """A job as the server told it."""

    id: str
    state: str
    done: int
    total: int
    ahead: int | None
    eta_s: float | None
    images: tuple[Image, ...]
    error: str | None
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Job:
        """From the API's JSON."""
        images = tuple(
            Image(i["id"], i["seed"], i["width"], i["height"], i.get("name")) for i in told["images"]
        )
        error = (told["error"] or {}).get("detail")
        numbers = (told["done"], told["total"], told["ahead"], told["eta_s"])
        return cls(told["id"], told["state"], *numbers, images, error, told)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class LivePicture:
    """A picture while one draws (WebP); `ms` is how long drawing it took."""

    picture: bytes = field(repr=False)
    number: int
    ms: float

    @classmethod
    def of(cls, answer: httpx.Response) -> LivePicture:
        """From the API's answer."""
        told = answer.headers
        return cls(answer.content, int(told["palitra-number"]), float(told["palitra-milliseconds"]))


class Turns:
    """Names a client's drawings: every client is a tab of its own, and numbers grow."""

    def __init__(self) -> None:
        self.tab, self._last = secrets.token_hex(8), 0

    def next(self, prompt: str, seed: int) -> dict[str, str]:
        """The fields beside the drawing."""
        self._last += 1
        return {"tab": self.tab, "number": str(self._last), "prompt": prompt, "seed": str(seed)}


@dataclass(frozen=True)
class Event:
    """One event of a job: `kind` is state, progress, preview, image or end."""

    seq: int
    kind: str
    data: Mapping[str, Any]


def body_of(
    recipe: str, prompt: str | None, inputs: Mapping[str, str], consent: bool, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The JSON of a job to hand in."""
    words = {} if prompt is None else {"prompt": prompt}
    agreed = {"consent": True} if consent else {}
    return {"recipe": recipe, **words, "inputs": dict(inputs), **agreed, **fields}


def lines_of(wishes: str | Sequence[str]) -> str:
    """A wish, or several, a line each."""
    each = [wishes] if isinstance(wishes, str) else wishes
    return "\n".join(" ".join(wish.split()) if len(each) > 1 else wish for wish in each)


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is no problem.

    Raises:
        ApiError: it is one.
    """
    if answer.is_success:
        return answer
    try:
        told = answer.json()
        code, detail = str(told["code"]), str(told["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "unavailable", f"the server answered {answer.status_code}"
    after = answer.headers.get("retry-after", "")
    raise ApiError(answer.status_code, code, detail, float(after) if after.isdigit() else None)


class EventLines:
    """Collects the lines of an event stream into events; `last` is the number of the newest."""

    def __init__(self, after: int) -> None:
        self.last = after
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> Event | None:
        """The event that this line ends, if it ends one."""
        if line:
            name, _, value = line.partition(":")
            if name:
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        self.last = int(fields.get("id", self.last))
        return Event(self.last, fields.get("event", "message"), json.loads(fields["data"]))


def headers_of(key: str | None) -> dict[str, str]:
    """What says who asks."""
    return {"authorization": f"Bearer {key}"} if key else {}


def write_picture(job: Job, image: Image, folder: Path | str, data: bytes) -> Path:
    """Write a picture of a job under its seed, and of several wishes under its place; returns where."""
    same = [other for other in job.images if other.seed == image.seed]
    place = f"-{same.index(image) + 1}" if len(same) > 1 else ""
    path = Path(folder) / f"{job.id[:8]}-{image.seed}{place}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
