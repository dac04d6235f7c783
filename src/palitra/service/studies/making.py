"""Makes a study: prepares its pictures, puts them into the store, and opens it when all are there."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from palitra.errors import ConflictError, InputError, NotFoundError, check_range
from palitra.service.files.blobs import BlobStore, name_of
from palitra.service.files.naming import drop_unnamed, lock_names
from palitra.service.studies.study import PHOTO
from palitra.service.tables import STUDIES, STUDY_PICTURES
from palitra.study.design import NOISE, Design
from palitra.study.exhibits import Exhibit, Show
from palitra.study.prepare import as_png, edit_picture, noise_picture, photo_picture

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
CHUNK: Final = 20
"""Pictures within one transaction: others wait for it."""


@dataclass(frozen=True)
class Terms:
    """What the operator chose beside arms and items.

    allowed: checks that may be failed, None is a quarter of them; seed: None draws one.
    """

    title: str = ""
    pairs: int = 30
    checks: int = 4
    allowed: int | None = None
    against: str | None = None
    equal: bool = False
    members: bool = False
    seed: int | None = None


def make_study(
    engine: Engine,
    blobs: BlobStore,
    name: str,
    show: Show,
    terms: Terms,
    tick: Callable[[int], None] = lambda count: None,
) -> None:
    """Make and open a study. One that was interrupted while it was made is made anew.

    Raises:
        InputError: a bad name, an arm that is not there, a design out of bounds, a picture that is none.
        ConflictError: there is a study of that name.
        DiskError: the store cannot be written.
    """
    row = _row(name, show, terms)
    _drop(engine, blobs, name, "making")
    try:
        with engine.begin() as connection:
            connection.execute(insert(STUDIES).values(**row))
    except IntegrityError:
        raise ConflictError(f"`name` must be new, got {name}: there is such a study") from None
    ready: list[tuple[dict[str, Any], bytes]] = []
    for number, exhibit in enumerate(show.exhibits):
        for arm, png in _pictures(exhibit, row["seed"] + number):
            kept = {"study": name, "item": number, "arm": arm, "blob": name_of(png)}
            ready.append(({"id": secrets.token_hex(16), **kept}, png))
        if len(ready) >= CHUNK:
            _keep(engine, blobs, ready)
            ready.clear()
        tick(1)
    _keep(engine, blobs, ready)
    with engine.begin() as connection:
        connection.execute(update(STUDIES).where(STUDIES.c.name == name).values(state="open"))


def remove_study(engine: Engine, blobs: BlobStore, name: str) -> None:
    """Delete a study with its answers, and its pictures where nothing else names them.

    Raises:
        NotFoundError: there is none.
    """
    if not _drop(engine, blobs, name):
        raise NotFoundError(f"`study` must be the name of a study, got {name[:60]}")


def _row(name: str, show: Show, terms: Terms) -> dict[str, Any]:
    if not _NAME.fullmatch(name):
        raise InputError(f"`name` must be 1 to 60 of a-z, 0-9 and -, got {name[:80]!r}")
    if len(terms.title) > 200:
        raise InputError(f"`title` must have at most 200 characters, got {len(terms.title)}")
    if terms.against is not None and terms.against not in show.arms:
        raise InputError(f"`against` must be one of {', '.join(show.arms)}, got {terms.against}")
    allowed = terms.checks // 4 if terms.allowed is None else terms.allowed
    check_range("allowed", allowed, 0, max(0, terms.checks - 1))
    seed = secrets.randbits(31) if terms.seed is None else terms.seed
    if not 0 <= seed < 2**31:
        raise InputError(f"`seed` must be in [0, {2**31 - 1}], got {seed}")
    against = None if terms.against is None else show.arms.index(terms.against)
    design = Design(len(show.arms), len(show.exhibits), terms.pairs, terms.checks, seed, against).check()
    items = [
        {"id": e.id, "source": e.wish.source, "target": e.wish.target, "target_ru": e.wish.target_ru}
        for e in show.exhibits
    ]
    return {
        "name": name,
        "title": terms.title,
        "state": "making",
        "arms": list(show.arms),
        "items": items,
        "pairs": design.pairs,
        "checks": design.checks,
        "allowed": allowed,
        "against": design.against,
        "seed": seed,
        "equal": terms.equal,
        "members": terms.members,
        "created_at": time.time(),
    }


def _pictures(exhibit: Exhibit, seed: int) -> Iterator[tuple[int, bytes]]:
    photo = photo_picture(exhibit.photo)
    yield PHOTO, as_png(photo)
    yield NOISE, as_png(noise_picture(photo.size, seed))
    for arm, path in enumerate(exhibit.edits):
        yield arm, as_png(edit_picture(path, photo.size))


def _keep(engine: Engine, blobs: BlobStore, ready: Sequence[tuple[dict[str, Any], bytes]]) -> None:
    """Bytes first, then their rows, under the locks of their names."""
    for _, png in ready:
        blobs.put(png)
    with engine.begin() as connection:
        lock_names(connection, {row["blob"] for row, _ in ready})
        for row, png in ready:
            if not blobs.has(row["blob"]):
                blobs.put(png)
            connection.execute(insert(STUDY_PICTURES).values(**row))


def _drop(engine: Engine, blobs: BlobStore, name: str, state: str | None = None) -> bool:
    """Delete the study of that name (in that state); False when there was none."""
    with engine.begin() as connection:
        wanted = STUDIES.c.name == name
        if state is not None:
            wanted &= STUDIES.c.state == state
        if connection.execute(select(STUDIES.c.name).where(wanted)).first() is None:
            return False
        named = _blobs(connection, name)
        connection.execute(delete(STUDIES).where(wanted))
    drop_unnamed(engine, blobs, named)
    return True


def _blobs(connection: Connection, name: str) -> set[str]:
    return set(connection.scalars(select(STUDY_PICTURES.c.blob).where(STUDY_PICTURES.c.study == name)))
