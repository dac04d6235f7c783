"""A recipe's fields with all that front-ends need: words in two languages, and whether jobs may differ in it.

Every field is either part of the batch key (jobs that share network calls must agree on it) or exempt (it
becomes a row of a tensor). There is no default: a test fails for a field that does not say which.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from pydantic.config import JsonDict

if TYPE_CHECKING:
    from palitra.spec.recipes import RecipeParams

Batching = Literal["key", "exempt"]
LANGUAGES = ("en", "ru")


@dataclass(frozen=True)
class Words:
    """A label and a sentence of help."""

    label: str
    help: str


def dial(
    default: Any,
    *,
    batching: Batching,
    en: Words,
    ru: Words,
    level: Literal["basic", "advanced", "hidden"] = "basic",
    own: bool = False,
    offered: Any = None,
    choices: Mapping[str, tuple[Words, Words]] | None = None,
    **bounds: Any,
) -> Any:
    """A pydantic field; `level` says where a form shows it: at once, unfolded, or never.

    own: what is chosen here holds for this recipe only, although others have a field of the same name.
    choices: words in English and Russian for each value of a field with few.
    offered: what forms for people begin with, where that is not the default.
    """
    text: JsonDict = {"en": {**vars(en)}, "ru": {**vars(ru)}}
    extra: JsonDict = {"batching": batching, "level": level, "text": text}
    if own:
        extra["own"] = True
    if offered is not None:
        extra["offered"] = offered
    if choices:
        extra["choices"] = {
            value: {"en": {**vars(first)}, "ru": {**vars(second)}}
            for value, (first, second) in choices.items()
        }
    return Field(default, description=en.help, json_schema_extra=extra, **bounds)


@dataclass(frozen=True)
class FileInput:
    """A picture that a recipe takes beside its fields; `kind` is what it is treated as.

    With `subject` "person" it is a photo of somebody, and jobs with one need consent. With "anybody" it may
    show people or not: consent is needed where the words of the job speak of people.
    A "map" lies over a sketch's square, a "mask" over a photo and has its size.
    """

    name: str
    kind: Literal["sketch", "map", "photo", "mask"]
    required: bool
    en: Words
    ru: Words
    subject: Literal["person", "anybody"] | None = None


def batching_of(kind: type[RecipeParams], field: str) -> Batching:
    """What a field declared.

    Raises:
        LookupError: nothing.
    """
    extra = kind.model_fields[field].json_schema_extra
    if not isinstance(extra, dict) or extra.get("batching") not in ("key", "exempt"):
        raise LookupError(f"`{field}` of {kind.__name__} does not say whether it is part of the batch key")
    return "key" if extra["batching"] == "key" else "exempt"


def batch_key(params: RecipeParams) -> str:
    """Jobs of equal keys may share network calls: 16 hex digits over every field of the key."""
    kind = type(params)
    values = {
        name: value
        for name, value in params.model_dump(mode="json").items()
        if batching_of(kind, name) == "key"
    }
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
