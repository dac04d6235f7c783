"""The asynchronous client; its methods are those of the synchronous one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from palitra.client.answers import (
    QUIET_S,
    RECONNECT_S,
    Event,
    EventLines,
    Job,
    LivePicture,
    Turns,
    body_of,
    checked,
    headers_of,
    lines_of,
    write_picture,
)


class AsyncClient:
    """The same for asyncio."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        sent = {**headers_of(key), **(headers or {})}
        self._turns = Turns()
        self.http = httpx.AsyncClient(base_url=url, headers=sent, timeout=60, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def upload(self, image: Path | str | bytes) -> str:
        """Hand in a picture; returns its id."""
        data = image if isinstance(image, bytes) else await asyncio.to_thread(Path(image).read_bytes)
        return str(checked(await self.http.post("/v1/files", files={"file": ("image", data)})).json()["id"])

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
        body = body_of(recipe, prompt, inputs or {}, consent, fields)
        return Job.of(checked(await self.http.post("/v1/jobs", json=body, headers=headers)).json())

    async def text(self, prompt: str, **fields: Any) -> Job:
        """A job from words."""
        return await self.submit("text_to_image", prompt, **fields)

    async def sketch(self, image: Path | str | bytes, prompt: str, **fields: Any) -> Job:
        """A job from a sketch and words."""
        inputs = {"sketch": await self.upload(image)}
        return await self.submit("sketch_to_image", prompt, inputs=inputs, **fields)

    async def live(self, image: Path | str | bytes, prompt: str = "", seed: int = 0) -> LivePicture:
        """A quick picture of a sketch; see `Client.live`."""
        data = image if isinstance(image, bytes) else await asyncio.to_thread(Path(image).read_bytes)
        files = {"sketch": ("sketch.png", data)}
        answer = await self.http.post("/v1/live", data=self._turns.next(prompt, seed), files=files)
        return LivePicture.of(checked(answer))

    async def edit(
        self,
        photo: Path | str | bytes,
        target: str | Sequence[str],
        *,
        source: str = "",
        mask: Path | str | bytes | None = None,
        consent: bool = False,
        **fields: Any,
    ) -> Job:
        """A job that edits a photo; see `Client.edit`."""
        inputs = {"photo": await self.upload(photo)}
        if mask is not None:
            inputs["mask"] = await self.upload(mask)
        words = {"target": lines_of(target), "source": source}
        return await self.submit("edit", None, inputs=inputs, consent=consent, **words, **fields)

    async def classes(self, label: str = "all", n: int = 10, **fields: Any) -> Job:
        """A job for a sheet of a model's classes; `model` by name, else the service's first."""
        return await self.submit("classes", None, label=label, n=n, **fields)

    async def archive(self, job: str) -> bytes:
        """All pictures of a job as a zip archive."""
        return checked(await self.http.get(f"/v1/jobs/{job}/zip")).content

    async def job(self, job: str) -> Job:
        """How a job is."""
        return Job.of(checked(await self.http.get(f"/v1/jobs/{job}")).json())

    async def cancel(self, job: str) -> Job:
        """Stop a job."""
        return Job.of(checked(await self.http.post(f"/v1/jobs/{job}/cancel")).json())

    async def retry(self, job: str) -> Job:
        """The same again as a new job."""
        return Job.of(checked(await self.http.post(f"/v1/jobs/{job}/retry")).json())

    async def events(self, job: str, after: int = 0) -> AsyncIterator[Event]:
        """What happens to a job until its end; a broken connection is taken up where it broke."""
        lines = EventLines(after)
        while True:
            try:
                headers = {"last-event-id": str(lines.last)}
                url = f"/v1/jobs/{job}/events"
                async with self.http.stream("GET", url, headers=headers, timeout=QUIET_S) as answer:
                    if not answer.is_success:
                        await answer.aread()
                        checked(answer)
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
        return checked(await self.http.get(f"/v1/images/{image}", params={"format": format})).content

    async def save(self, job: Job, folder: Path | str) -> list[Path]:
        """Write a job's pictures as PNG files that carry their recipe."""
        paths = []
        for image in job.images:
            data = await self.image(image.id)
            paths.append(await asyncio.to_thread(write_picture, job, image, folder, data))
        return paths

    async def preview(self, job: str, etag: str = "") -> tuple[bytes, str] | None:
        """The newest small JPEG and its tag; None when there is none, or none newer than `etag`."""
        answer = await self.http.get(f"/v1/jobs/{job}/preview", headers={"if-none-match": etag})
        if answer.status_code in (304, 404):
            return None
        return checked(answer).content, answer.headers.get("etag", "")

    async def remove_image(self, image: str) -> None:
        """Delete a picture."""
        checked(await self.http.delete(f"/v1/images/{image}"))

    async def recipes(self) -> dict[str, Any]:
        """Every recipe's title, inputs and JSON schema."""
        return dict(checked(await self.http.get("/v1/recipes")).json())

    async def presets(self) -> list[dict[str, Any]]:
        """Named sets of dials."""
        return list(checked(await self.http.get("/v1/presets")).json())
