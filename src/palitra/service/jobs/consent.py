"""Photos of people are drawn from only when somebody says that the people in them agree."""

from __future__ import annotations

from collections.abc import Mapping

from palitra.errors import ConsentError, InputError
from palitra.spec.build import RECIPES


def photos_of_people(recipe: str, inputs: Mapping[str, str]) -> dict[str, str]:
    """Of a job's files by input those that the recipe declares to be photos of a person."""
    known = RECIPES[recipe].inputs if recipe in RECIPES else ()  # else one of an earlier version
    return {i.name: inputs[i.name] for i in known if i.subject == "person" and i.name in inputs}


def checked_consent(recipe: str, inputs: Mapping[str, str], given: object) -> bool:
    """Whether a job has consent; False for one without photos of people, which needs none.

    Raises:
        InputError: neither true nor false was given.
        ConsentError: it is needed and was not given.
    """
    if given is not None and not isinstance(given, bool):
        raise InputError(f"`consent` must be true or false, got {given!r}")
    photos = photos_of_people(recipe, inputs)
    if photos and not given:
        names = ", ".join(photos)
        raise ConsentError(
            f"`consent` must be true for a photo of a person ({names}): who is in it must agree, got false"
        )
    return bool(photos)
