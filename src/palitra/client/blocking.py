"""The synchronous client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
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


class Client:
    """Synchronous client. Jobs belong to the key, or to this client's session where there are no keys."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._turns = Turns()
        self.http = httpx.Client(base_url=url, headers=headers_of(key), timeout=60, transport=transport)

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
        return str(checked(answer).json()["id"])

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
        body = body_of(recipe, prompt, inputs or {}, consent, fields)
        return Job.of(checked(self.http.post("/v1/jobs", json=body, headers=headers)).json())

    def text(self, prompt: str, **fields: Any) -> Job:
        """A job from words."""
        return self.submit("text_to_image", prompt, **fields)

    def sketch(self, image: Path | str | bytes, prompt: str, **fields: Any) -> Job:
        """A job from a sketch and words."""
        return self.submit("sketch_to_image", prompt, inputs={"sketch": self.upload(image)}, **fields)

    def live(self, image: Path | str | bytes, prompt: str = "", seed: int = 0) -> LivePicture:
        """A quick picture of a sketch (a PNG of at most 256 KiB and 1024 px a side), kept nowhere.

        A newer call of this client ends an older one, which then raises `ApiError` with code "superseded".
        While the service's live worker starts, the code is "live_starting", and `retry_after_s` says when.
        """
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
        files = {"sketch": ("sketch.png", data)}
        answer = self.http.post("/v1/live", data=self._turns.next(prompt, seed), files=files)
        return LivePicture.of(checked(answer))

    def edit(
        self,
        photo: Path | str | bytes,
        target: str | Sequence[str],
        *,
        source: str = "",
        mask: Path | str | bytes | None = None,
        consent: bool = False,
        **fields: Any,
    ) -> Job:
        """A job that edits a photo: a wish, or several, each the whole picture as it should be.

        `mask` has the photo's size and is white where it may change. `consent` says that the people in the
        photo agree; words about people are refused without it.
        """
        inputs = {"photo": self.upload(photo)}
        if mask is not None:
            inputs["mask"] = self.upload(mask)
        words = {"target": lines_of(target), "source": source}
        return self.submit("edit", None, inputs=inputs, consent=consent, **words, **fields)

    def classes(self, label: str = "all", n: int = 10, **fields: Any) -> Job:
        """A job for a sheet of a model's classes; `model` by name, else the service's first."""
        return self.submit("classes", None, label=label, n=n, **fields)

    def archive(self, job: str) -> bytes:
        """All pictures of a job as a zip archive, parts of a sheet in a folder of their class."""
        return checked(self.http.get(f"/v1/jobs/{job}/zip")).content

    def job(self, job: str) -> Job:
        """How a job is."""
        return Job.of(checked(self.http.get(f"/v1/jobs/{job}")).json())

    def cancel(self, job: str) -> Job:
        """Stop a job."""
        return Job.of(checked(self.http.post(f"/v1/jobs/{job}/cancel")).json())

    def retry(self, job: str) -> Job:
        """The same again as a new job."""
        return Job.of(checked(self.http.post(f"/v1/jobs/{job}/retry")).json())

    def events(self, job: str, after: int = 0) -> Iterator[Event]:
        """What happens to a job until its end; a broken connection is taken up where it broke."""
        lines = EventLines(after)
        while True:
            try:
                headers = {"last-event-id": str(lines.last)}
                with self.http.stream("GET", f"/v1/jobs/{job}/events", headers=headers, timeout=QUIET_S) as s:
                    if not s.is_success:
                        s.read()
                        checked(s)
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
        return checked(self.http.get(f"/v1/images/{image}", params={"format": format})).content

    def save(self, job: Job, folder: Path | str) -> list[Path]:
        """Write a job's pictures as PNG files that carry their recipe."""
        return [write_picture(job, image, folder, self.image(image.id)) for image in job.images]

    def preview(self, job: str, etag: str = "") -> tuple[bytes, str] | None:
        """The newest small JPEG and its tag; None when there is none, or none newer than `etag`."""
        answer = self.http.get(f"/v1/jobs/{job}/preview", headers={"if-none-match": etag})
        if answer.status_code in (304, 404):
            return None
        return checked(answer).content, answer.headers.get("etag", "")

    def remove_image(self, image: str) -> None:
        """Delete a picture."""
        checked(self.http.delete(f"/v1/images/{image}"))

    def recipes(self) -> dict[str, Any]:
        """Every recipe's title, inputs and JSON schema."""
        return dict(checked(self.http.get("/v1/recipes")).json())

    def presets(self) -> list[dict[str, Any]]:
        """Named sets of dials."""
        return list(checked(self.http.get("/v1/presets")).json())
