"""The recipe of edits as this service takes it: files that fit each other, methods that the engine has."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from sqlalchemy import Engine, select

from palitra.data.photo_frame import PhotoFrame
from palitra.errors import ImageError, InputError
from palitra.service.tables import FILES
from palitra.spec.build import recipe_params
from palitra.spec.edit import EditParams

RECIPE: Final = "edit"


@cache
def methods() -> tuple[str, ...]:
    """Methods that the engine has, in the order of the recipe.

    Read from the source of their register: to import it would load the engine into the API.
    """
    source = files("palitra").joinpath("recipes", "editing", "methods.py").read_text("utf-8")
    keys = {
        key.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "METHODS"
        for key in getattr(node.value, "keys", ())
        if isinstance(key, ast.Constant)
    }
    known = EditParams.model_json_schema()["properties"]["method"]["enum"]
    return tuple(name for name in known if name in keys)


def offered_schema() -> dict[str, Any]:
    """The recipe's JSON schema with the methods that there are."""
    schema = EditParams.model_json_schema()
    method = schema["properties"]["method"]
    method["enum"] = list(methods())
    method["choices"] = {name: method["choices"][name] for name in methods()}
    return schema


def check_edit(engine: Engine, owner: str, wish: Mapping[str, Any]) -> None:
    """Refuse what cannot be edited, before anything waits for it.

    Files that are missing or somebody else's are left to who puts the job.

    Raises:
        InputError: a value out of bounds, or a method that the engine has not.
        ImageError: too long a photo, or a mask of another size.
    """
    params = recipe_params({k: v for k, v in wish.items() if k not in ("inputs", "consent")})
    assert isinstance(params, EditParams)
    if params.method not in methods():
        raise InputError(f"`method` must be one of {', '.join(methods())}, got {params.method}")
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
