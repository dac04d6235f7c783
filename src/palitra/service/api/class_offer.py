"""The recipe of classes as this service offers it: its models, their classes, and what each takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from palitra.errors import InputError
from palitra.spec.build import recipe_params
from palitra.spec.classes import ALL, ClassesParams
from palitra.zoo.embedded import ClassModel, find_class_model

RECIPE: Final = "classes"
Models = Mapping[str, ClassModel]


def offered_schema(models: Models) -> dict[str, Any]:
    """The recipe's JSON schema with the models as choices.

    `depends` of a field says what the chosen model (`on`) makes of it: its `choices`, or that `only` some
    models have it. `titles` are how values are shown, by language; a value without one is shown itself.
    """
    schema = ClassesParams.model_json_schema()
    fields = schema["properties"]
    schema["required"] = [name for name in schema.get("required", []) if name != "model"]
    first = ("model", "label", "n")  # in the order in which people decide
    fields = schema["properties"] = {
        name: fields[name] for name in (*first, *(f for f in fields if f not in first))
    }
    english = {name: model.title for name, model in models.items()}
    russian = {name: model.russian.get(model.title, model.title) for name, model in models.items()}
    titles = {"en": english, "ru": russian}
    fields["model"] |= {"enum": list(models), "default": next(iter(models)), "titles": titles}
    fields["label"]["titles"] = {"en": {}, "ru": {ALL: "все"} | _classes_in_russian(models)}
    choices = {name: list(model.choices) for name, model in models.items()}
    fields["label"]["depends"] = {"on": "model", "choices": choices}
    for field in ("truncation", "guidance", "steps"):
        only = [name for name, model in models.items() if field in model.takes]
        fields[field]["depends"] = {"on": "model", "only": only}
    return schema


def _classes_in_russian(models: Models) -> dict[str, str]:
    """Of all models; where two tell different words for one name, the first."""
    told: dict[str, str] = {}
    for model in models.values():
        told = {name: model.russian[name] for name in model.classes if name in model.russian} | told
    return told


def with_model(wish: Mapping[str, Any], models: Models) -> Mapping[str, Any]:
    """A wish for classes with its model: the first where none is named.

    Raises:
        InputError: the service offers no class models.
    """
    if not models:
        raise InputError("`recipe` must be one that has a model here, got classes")
    return wish if wish.get("model") is not None else {**wish, "model": next(iter(models))}


def check_classes(wish: Mapping[str, Any], models: Models) -> None:
    """Refuse what the named model cannot do, before anything waits for it.

    Raises:
        InputError: an unknown model or class, too many pictures, or a value out of bounds.
        ComposeError: a field that this model does not take.
    """
    params = recipe_params({k: v for k, v in wish.items() if k not in ("inputs", "consent")})
    assert isinstance(params, ClassesParams)
    find_class_model(params.model, models).check(params)
