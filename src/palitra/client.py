"""A typed client of the REST API, synchronous and asynchronous.

with Client("http://127.0.0.1:8000") as palitra:
    job = palitra.sketch("cat.png", "a photo of a cat", n=2)
    palitra.save(palitra.wait(job.id), "out")
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from palitra.errors import PalitraError

RECONNECT_S = 1.0
_QUIET_S = 60.0  # the server sends a comment every 15 s


class ApiError(PalitraError):
    """A problem that the server answered; `code` and `status` are its."""

    exit_code = 2

    def __init__(self, status: int, code: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s


@dataclass(frozen=True)
class Image:
    """A finished picture."""

    id: str
    seed: int
    width: int
    height: int


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
        images = tuple(Image(i["id"], i["seed"], i["width"], i["height"]) for i in told["images"])
        error = (told["error"] or {}).get("detail")
        numbers = (told["done"], told["total"], told["ahead"], told["eta_s"])
        return cls(told["id"], told["state"], *numbers, images, error, told)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Event:
    """One event of a job: `kind` is state, progress, preview, image or end."""

    seq: int
    kind: str
    data: Mapping[str, Any]


def _body(
    recipe: str, prompt: str | None, inputs: Mapping[str, str], consent: bool, fields: Mapping[str, Any]
) -> dict[str, Any]:
    words = {} if prompt is None else {"prompt": prompt}
    agreed = {"consent": True} if consent else {}
    return {"recipe": recipe, **words, "inputs": dict(inputs), **agreed, **fields}


def _check(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        told = answer.json()
        code, detail = str(told["code"]), str(told["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "unavailable", f"the server answered {answer.status_code}"
    after = answer.headers.get("retry-after", "")
    raise ApiError(answer.status_code, code, detail, float(after) if after.isdigit() else None)


class _Lines:
    """Collects the lines of an event stream into events."""

    def __init__(self, after: int) -> None:
        self.last = after
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> Event | None:
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


def _headers(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


class Client:
    """Synchronous client. Jobs belong to the key, or to this client's session where there are no keys."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.http = httpx.Client(base_url=url, headers=_headers(key), timeout=60, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def upload(self, image: Path | str | bytes) -> str:
        """Hand in a picture; returns its id."""
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
        answer = self.http.post("/v1/files", files={"file": ("image", data)})
        return str(_check(answer).json()["id"])

    def submit(
        self,
        recipe: str,
        prompt: str | None = None,
        *,
        inputs: Mapping[str, str] | None = None,
        consent: bool = False,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Hand in a job; `fields` are the recipe's, `inputs` file ids by name, `prompt` where it has words.

        `consent` says that the people in the photos among the inputs agree; without it such a job is refused.
        """
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        body = _body(recipe, prompt, inputs or {}, consent, fields)
        return Job.of(_check(self.http.post("/v1/jobs", json=body, headers=headers)).json())

    def text(self, prompt: str, **fields: Any) -> Job:
        """A job from words."""
        return self.submit("text_to_image", prompt, **fields)

    def sketch(self, image: Path | str | bytes, prompt: str, **fields: Any) -> Job:
        """A job from a sketch and words."""
        return self.submit("sketch_to_image", prompt, inputs={"sketch": self.upload(image)}, **fields)

    def classes(self, label: str = "all", n: int = 10, **fields: Any) -> Job:
        """A job for a sheet of a model's classes; `model` by name, else the service's first."""
        return self.submit("classes", None, label=label, n=n, **fields)

    def archive(self, job: str) -> bytes:
        """All pictures of a job as a zip archive, parts of a sheet in a folder of their class."""
        return _check(self.http.get(f"/v1/jobs/{job}/zip")).content

    def job(self, job: str) -> Job:
        """How a job is."""
        return Job.of(_check(self.http.get(f"/v1/jobs/{job}")).json())

    def cancel(self, job: str) -> Job:
        """Stop a job."""
        return Job.of(_check(self.http.post(f"/v1/jobs/{job}/cancel")).json())

    def retry(self, job: str) -> Job:
        """The same again as a new job."""
        return Job.of(_check(self.http.post(f"/v1/jobs/{job}/retry")).json())

    def events(self, job: str, after: int = 0) -> Iterator[Event]:
        """What happens to a job until its end; a broken connection is taken up where it broke."""
        lines = _Lines(after)
        while True:
            try:
                headers = {"last-event-id": str(lines.last)}
                with self.http.stream(
                    "GET", f"/v1/jobs/{job}/events", headers=headers, timeout=_QUIET_S
                ) as s:
                    if not s.is_success:
                        s.read()
                        _check(s)
                    for line in s.iter_lines():
                        event = lines.feed(line)
                        if event:
                            yield event
                            if event.kind == "end":
                                return
            except httpx.TransportError:
                pass
            time.sleep(RECONNECT_S)

    def wait(self, job: str) -> Job:
        """The job when it has ended."""
        for _ in self.events(job):
            pass
        return self.job(job)

    def image(self, image: str, format: str = "png") -> bytes:
        """A picture's bytes."""
        return _check(self.http.get(f"/v1/images/{image}", params={"format": format})).content

    def save(self, job: Job, folder: Path | str) -> list[Path]:
        """Write a job's pictures as PNG files that carry their recipe."""
        paths = []
        for image in job.images:
            path = Path(folder) / f"{job.id[:8]}-{image.seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.image(image.id))
            paths.append(path)
        return paths


class AsyncClient:
    """The same for asyncio."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        sent = {**_headers(key), **(headers or {})}
        self.http = httpx.AsyncClient(base_url=url, headers=sent, timeout=60, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def upload(self, image: bytes) -> str:
        """Hand in a picture; returns its id."""
        return str(_check(await self.http.post("/v1/files", files={"file": ("image", image)})).json()["id"])

    async def submit(
        self,
        recipe: str,
        prompt: str | None = None,
        *,
        inputs: Mapping[str, str] | None = None,
        consent: bool = False,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Hand in a job; see `Client.submit`."""
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        body = _body(recipe, prompt, inputs or {}, consent, fields)
        return Job.of(_check(await self.http.post("/v1/jobs", json=body, headers=headers)).json())

    async def archive(self, job: str) -> bytes:
        """All pictures of a job as a zip archive."""
        return _check(await self.http.get(f"/v1/jobs/{job}/zip")).content

    async def job(self, job: str) -> Job:
        """How a job is."""
        return Job.of(_check(await self.http.get(f"/v1/jobs/{job}")).json())

    async def cancel(self, job: str) -> Job:
        """Stop a job."""
        return Job.of(_check(await self.http.post(f"/v1/jobs/{job}/cancel")).json())

    async def events(self, job: str, after: int = 0) -> AsyncIterator[Event]:
        """What happens to a job until its end; a broken connection is taken up where it broke."""
        lines = _Lines(after)
        while True:
            try:
                headers = {"last-event-id": str(lines.last)}
                url = f"/v1/jobs/{job}/events"
                async with self.http.stream("GET", url, headers=headers, timeout=_QUIET_S) as answer:
                    if not answer.is_success:
                        await answer.aread()
                        _check(answer)
                    async for line in answer.aiter_lines():
                        event = lines.feed(line)
                        if event:
                            yield event
                            if event.kind == "end":
                                return
            except httpx.TransportError:
                pass
            await asyncio.sleep(RECONNECT_S)

    async def wait(self, job: str) -> Job:
        """The job when it has ended."""
        async for _ in self.events(job):
            pass
        return await self.job(job)

    async def image(self, image: str, format: str = "png") -> bytes:
        """A picture's bytes."""
        return _check(await self.http.get(f"/v1/images/{image}", params={"format": format})).content

    async def preview(self, job: str, etag: str = "") -> tuple[bytes, str] | None:
        """The newest small JPEG and its tag; None when there is none, or none newer than `etag`."""
        answer = await self.http.get(f"/v1/jobs/{job}/preview", headers={"if-none-match": etag})
        if answer.status_code in (304, 404):
            return None
        return _check(answer).content, answer.headers.get("etag", "")

    async def remove_image(self, image: str) -> None:
        """Delete a picture."""
        _check(await self.http.delete(f"/v1/images/{image}"))

    async def recipes(self) -> dict[str, Any]:
        """Every recipe's title, inputs and JSON schema."""
        return dict(_check(await self.http.get("/v1/recipes")).json())

    async def presets(self) -> list[dict[str, Any]]:
        """Named sets of dials."""
        return list(_check(await self.http.get("/v1/presets")).json())
