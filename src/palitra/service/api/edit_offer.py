"""The recipe of edits as this service takes it: files that fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine, select

from palitra.data.photo_frame import PhotoFrame
from palitra.errors import ImageError
from palitra.service.tables import FILES
from palitra.spec.build import recipe_params

RECIPE: Final = "edit"


def check_edit(engine: Engine, owner: str, wish: Mapping[str, Any]) -> None:
    """Refuse what cannot be edited, before anything waits for it.

    Files that are missing or somebody else's are left to who puts the job.

    Raises:
        InputError: a value out of bounds.
        ImageError: too long a photo, or a mask of another size.
    """
    recipe_params({k: v for k, v in wish.items() if k not in ("inputs", "consent")})
    inputs = wish.get("inputs")
    if not isinstance(inputs, Mapping):
        return
    photo, mask = (_size(engine, owner, inputs.get(name)) for name in ("photo", "mask"))
    if photo is None:
        return
    PhotoFrame.of(photo, max(photo))
    if mask is not None and mask != photo:
        raise ImageError(
            f"`mask` must have the photo's size {photo[0]} x {photo[1]}, got {mask[0]} x {mask[1]}"
        )


def _size(engine: Engine, owner: str, file: object) -> tuple[int, int] | None:
    wanted = select(FILES.c.width, FILES.c.height).where(FILES.c.id == str(file), FILES.c.owner == owner)
    with engine.connect() as connection:
        row = connection.execute(wanted).first()
    return None if row is None else (row.width, row.height)
