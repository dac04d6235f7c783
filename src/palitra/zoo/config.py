"""One validated description of a model and its training; building it from presets and `key=value` changes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from palitra.errors import InputError
from palitra.zoo.choices import (
    AdversarialLoss,
    Augmentation,
    Backbone,
    Choice,
    Conditioning,
    Loss,
    NoAugmentation,
    Regularisers,
    Training,
)
from palitra.zoo.combinations import check_combination


class ZooConfig(Choice):
    """Everything that decides how a model comes out, except the data."""

    model: str = "custom"
    preset: Literal["tiny", "small", "paper", "custom"] = "custom"
    backbone: Backbone
    conditioning: Conditioning = Conditioning()
    loss: Loss = Field(default_factory=AdversarialLoss)
    regularisers: Regularisers = Regularisers()
    augmentation: Augmentation = Field(default_factory=NoAugmentation)
    training: Training = Training()

    @model_validator(mode="after")
    def _possible(self) -> ZooConfig:
        check_combination(self)
        return self

    @property
    def family(self) -> Literal["adversarial", "variational", "diffusion"]:
        """Which way of training it takes."""
        if isinstance(self.loss, AdversarialLoss):
            return "adversarial"
        return "variational" if self.loss.kind == "elbo" else "diffusion"


def build_config(values: Mapping[str, Any]) -> ZooConfig:
    """`ZooConfig(**values)`.

    Raises:
        InputError: a field out of bounds, named with its path, bound and value.
        ComposeError: two choices that cannot work together.
    """
    try:
        return ZooConfig(**values)
    except ValidationError as error:
        raise InputError(_sentence(error.errors()[0])) from None


def changed(values: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Nested `values` with changes such as "training.batch=32" or "loss.kind=hinge", values as in TOML.

    A new `kind` drops the other fields of the part it replaces.

    Raises:
        InputError: a change without "=" or into something that is no part.
    """
    result = {k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}
    for change in changes:
        path, found, text = change.partition("=")
        part, _, field = path.strip().partition(".")
        if not found or not field or "." in field:
            raise InputError(f"`set` must look like part.field=value, got {change}")
        value, inner = _parsed(text.strip()), result.setdefault(part, {})
        if not isinstance(inner, dict):
            raise InputError(f"`set` must look like part.field=value, got {change}")
        if field == "kind" and inner.get("kind") != value and not _same_part(inner.get("kind"), value):
            inner.clear()
        inner[field] = value
    return result


def first_difference(mine: ZooConfig, other: Mapping[str, Any]) -> str | None:
    """The first field whose value differs, as "backbone.width: 64, not 32"; budget and rhythm may differ."""
    free = {"images", "save_every", "score_every"}
    for part, value in mine.model_dump(mode="json").items():
        theirs = other.get(part)
        if not isinstance(value, dict):
            if value != theirs and part != "preset":
                return f"{part}: {theirs}, not {value}"
            continue
        inner = theirs if isinstance(theirs, Mapping) else {}
        for field, mine_value in value.items():
            if inner.get(field) != mine_value and not (part == "training" and field in free):
                return f"{part}.{field}: {inner.get(field)}, not {mine_value}"
    return None


def _same_part(a: Any, b: Any) -> bool:
    adversarial = AdversarialLoss.model_fields["kind"].annotation
    known = getattr(adversarial, "__args__", ())
    return (a in known and b in known) or {a, b} == {"epsilon", "v_prediction"}


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _sentence(detail: ErrorDetails) -> str:
    tags = {
        "mlp",
        "dcgan",
        "biggan",
        "stylegan2",
        "r3gan",
        "vae",
        "unet",
        "elbo",
        "edm",
        "ada",
        "diffaugment",
    }
    path = ".".join(str(p) for i, p in enumerate(detail["loc"]) if i != 1 or p not in tags) or "config"
    message = detail["msg"]
    if detail["type"] == "extra_forbidden":
        return f"`{path}` must be a known field, got {detail['input']!r} for one that is not"
    if detail["type"] == "missing":
        return f"`{path}` must be given"
    if detail["type"] == "union_tag_invalid":
        return f"`{path}.kind` must be one of {detail['ctx']['expected_tags']}, got {detail['ctx']['tag']}"
    return f"`{path}` {message.replace('Input should', 'must')}, got {detail['input']!r}"
