"""Photos of people are drawn from only when somebody says that the people in them agree.

Some inputs are always photos of people ("person"). Others may show anybody or nobody: there the word is
needed where the job's own words speak of people, or always where the operator wants it. Where a job does not
say what its photo shows, the worker guesses it, and refuses what looks like a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from palitra.errors import ConsentError, InputError
from palitra.service.filters.words import WordFilter
from palitra.spec.build import RECIPES

SPOKEN: Final = ("prompt", "source", "target")
"""Fields of words that say what a photo shows or is to show."""


def photos_of_people(recipe: str, inputs: Mapping[str, str]) -> dict[str, str]:
    """Of a job's files by input those that the recipe declares to show a person, or to be able to."""
    known = RECIPES[recipe].inputs if recipe in RECIPES else ()  # else one of an earlier version
    return {i.name: inputs[i.name] for i in known if i.subject is not None and i.name in inputs}


def checked_consent(
    recipe: str,
    inputs: Mapping[str, str],
    given: object,
    params: Mapping[str, object] | None = None,
    always: bool = False,
) -> bool:
    """Whether a job has consent; False for one without photos of people, which needs none.

    params: the job's fields, whose words may speak of people. always: they need not.

    Raises:
        InputError: neither true nor false was given.
        ConsentError: it is needed and was not given.
    """
    if given is not None and not isinstance(given, bool):
        raise InputError(f"`consent` must be true or false, got {given!r}")
    photos = photos_of_people(recipe, inputs)
    if not photos or given:
        return bool(photos)
    sure = {i.name for i in RECIPES[recipe].inputs if i.subject == "person"}
    names = ", ".join(photos)
    if sure & photos.keys() or always:
        raise ConsentError(
            f"`consent` must be true for a photo of a person ({names}): who is in it must agree, got false"
        )
    if speaks_of_people(params or {}):
        raise ConsentError(
            f"`consent` must be true for words about people: who is in the {names} must agree, got false"
        )
    return False


def speaks_of_people(params: Mapping[str, object]) -> bool:
    """Whether a job's words are about somebody, in English or Russian."""
    return any(_people().refuses_prompt(str(params.get(name) or "")) for name in SPOKEN)


@cache
def _people() -> WordFilter:
    text = files("palitra").joinpath("locale", "people_words.txt").read_text("utf-8")
    return WordFilter(text.splitlines())
