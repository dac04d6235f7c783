"""Builds recipe parameters from user values, turning validation errors into one clear sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from palitra.errors import InputError
from palitra.spec.classes import ClassesParams
from palitra.spec.edit import EditParams
from palitra.spec.recipes import RecipeParams, SketchToImageParams, TextToImageParams

P = TypeVar("P", bound=BaseModel)
RECIPES: dict[str, type[RecipeParams]] = {
    "text_to_image": TextToImageParams,
    "sketch_to_image": SketchToImageParams,
    "classes": ClassesParams,
    "edit": EditParams,
}


def build(kind: type[P], values: Mapping[str, Any]) -> P:
    """`kind(**values)`.

    Raises:
        InputError: naming the field, its bound and the value.
    """
    try:
        return kind(**values)
    except ValidationError as error:
        raise InputError(sentence(kind, error.errors()[0])) from None


def recipe_params(values: Mapping[str, Any]) -> RecipeParams:
    """The parameters of any recipe from a stored mapping with its `recipe` name.

    Raises:
        InputError: an unknown recipe or a value out of bounds.
    """
    name = values.get("recipe")
    if name not in RECIPES:
        raise InputError(f"`recipe` must be one of {', '.join(RECIPES)}, got {name}")
    return build(RECIPES[str(name)], values)


def title_of(values: Mapping[str, Any]) -> str:
    """What a stored mapping asks for, in a line; empty for one that this version does not know."""
    try:
        return recipe_params(values).wish()
    except InputError:
        return str(values.get("prompt", ""))


def sentence(kind: type[BaseModel], detail: ErrorDetails) -> str:
    """One validation error as "`fidelity` must be in [0, 1], got 3"."""
    field = str(detail["loc"][0]) if detail["loc"] else "input"
    value, code = detail["input"], detail["type"]
    if code == "extra_forbidden":
        return f"`{field}` must be one of {', '.join(kind.model_fields)}"
    if code in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        return f"`{field}` must be in {_bounds(kind, field)}, got {value}"
    if code == "string_too_long":
        return f"`{field}` must have at most {detail['ctx']['max_length']} characters, got {len(value)}"
    if code == "literal_error":
        return f"`{field}` must be one of {detail['ctx']['expected']}, got {value}".replace("'", "").replace(
            " or ", ", "
        )
    if code == "value_error":
        told = str(detail["ctx"]["error"])
        return f"`{field}` {told}" if ", got " in told else f"`{field}` {told}, got {value!r}"
    if code == "missing":
        return f"`{field}` must be given"
    return f"`{field}` must be a valid {kind_of(code)}, got {value!r}"


def kind_of(code: str) -> str:
    """What a value should have been, by pydantic's name for the error."""
    return code.removesuffix("_type").removesuffix("_parsing").removesuffix("_from_float").replace("_", " ")


def _bounds(kind: type[BaseModel], field: str) -> str:
    marks = kind.model_fields[field].metadata
    low = next((m.ge for m in marks if hasattr(m, "ge")), None)
    high = next((m.le for m in marks if hasattr(m, "le")), None)
    return f"[{_number(low, '-inf')}, {_number(high, 'inf')}]"


def _number(bound: float | None, missing: str) -> str:
    """Whole bounds without a decimal point, large ones in full."""
    if bound is None:
        return missing
    return str(int(bound)) if bound == int(bound) else str(bound)
