"""A study as it is kept: its settings, whether it takes answers, and who may see that it exists."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, Row, select, update

from palitra.errors import NotFoundError
from palitra.service.tables import STUDIES
from palitra.study.design import Design

PHOTO: Final = -2
"""In place of an arm: the photo itself."""


@dataclass(frozen=True)
class Item:
    """A wish in words; target_ru is empty where nobody wrote it."""

    id: str
    source: str
    target: str
    target_ru: str


@dataclass(frozen=True)
class Study:
    """A row of `palitra_studies`; times are UTC seconds."""

    name: str
    title: str
    state: str
    arms: Sequence[str]
    items: Sequence[Item]
    design: Design
    allowed: int
    equal: bool
    members: bool
    joined: int
    created_at: float
    closed_at: float | None

    @property
    def is_open(self) -> bool:
        """Whether answers are taken."""
        return self.state == "open"

    @classmethod
    def of(cls, row: Row[Any]) -> Study:
        """From a row."""
        kept = row._mapping
        items = [Item(**item) for item in kept["items"]]
        design = Design(
            len(kept["arms"]), len(items), kept["pairs"], kept["checks"], kept["seed"], kept["against"]
        )
        names = [n for n in cls.__dataclass_fields__ if n not in ("items", "design")]
        return cls(items=items, design=design, **{name: kept[name] for name in names})


def find_study(engine: Engine, name: str) -> Study:
    """The study of that name.

    Raises:
        NotFoundError: there is none, or it is still being made.
    """
    with engine.connect() as connection:
        wanted = select(STUDIES).where(STUDIES.c.name == name, STUDIES.c.state != "making")
        row = connection.execute(wanted).first()
    if row is None:
        raise NotFoundError(f"`study` must be the name of a study, got {name[:60]}")
    return Study.of(row)


def list_studies(engine: Engine) -> list[Study]:
    """Every study, the oldest first; those that are still being made are not among them."""
    with engine.connect() as connection:
        made = select(STUDIES).where(STUDIES.c.state != "making").order_by(STUDIES.c.created_at)
        return [Study.of(row) for row in connection.execute(made)]


def close_study(engine: Engine, name: str) -> Study:
    """Take no more answers; those that are there stay. Closing again changes nothing.

    Raises:
        NotFoundError: there is no such study.
    """
    with engine.begin() as connection:
        opened = (STUDIES.c.name == name) & (STUDIES.c.state == "open")
        connection.execute(update(STUDIES).where(opened).values(state="closed", closed_at=time.time()))
    return find_study(engine, name)
