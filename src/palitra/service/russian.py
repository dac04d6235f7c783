"""The Russian form of the sentences that the service answers, by their English form.

Sentences come from every layer, from child processes and out of the database, so they are translated where
they leave the service. The forms are in `locale/sentences_ru.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

PHRASED: Final = ("kind", "state", "formats", "names")
"""Slots whose values are words of ours; what people handed in is never touched."""
_SLOT = re.compile(r"\\\{(\w+)\\\}")


def in_russian(sentence: str) -> str:
    """The sentence in Russian; one that nobody has written stays English."""
    forms, phrases = _forms()
    for form, russian in forms:
        found = form.fullmatch(sentence)
        if found:
            values = found.groupdict()
            return russian.format(
                **values | {n: phrases.get(values[n], values[n]) for n in PHRASED if n in values}
            )
    return sentence


@cache
def _forms() -> tuple[list[tuple[re.Pattern[str], str]], Mapping[str, str]]:
    text = files("palitra").joinpath("locale", "sentences_ru.toml").read_text(encoding="utf-8")
    told = tomllib.loads(text)
    return [(_pattern(form), russian) for form, russian in told["sentences"].items()], told["phrases"]


def _pattern(form: str) -> re.Pattern[str]:
    """A sentence with slots as an expression that finds their values."""
    return re.compile(_SLOT.sub(r"(?P<\1>.+?)", re.escape(form)), re.DOTALL)
