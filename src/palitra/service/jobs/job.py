"""A job as the service knows it, and the states it goes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Row

State = Literal["queued", "running", "done", "failed", "cancelled"]
OPEN: Final = ("queued", "running")
ENDED: Final = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """One accepted wish. `done` of `total` picture-steps are made; times are UTC seconds.

    `consent`: it draws from photos of people, and the owner said that they agree.
    """

    id: str
    owner: str
    recipe: str
    params: dict[str, Any]
    inputs: dict[str, str]
    batch_key: str
    cost_key: str
    priority: int
    state: State
    created_at: float
    started_at: float | None
    finished_at: float | None
    deadline_at: float
    worker: str | None
    crashes: int
    done: int
    total: int
    notes: list[dict[str, Any]] | None
    error_code: str | None
    error: str | None
    retry_of: str | None
    consent: bool

    @classmethod
    def of(cls, row: Row[Any]) -> Job:
        """From a row of `palitra_jobs`."""
        values = row._mapping
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})
