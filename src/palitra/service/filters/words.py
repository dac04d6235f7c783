"""A simple prompt filter: whole words of a list, however they are disguised."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from palitra.errors import InputError
from palitra.service.settings import Settings

# letters and digits that are read as a Latin letter
_LOOKS: Final = str.maketrans(
    {
        **dict(zip("авекмнорстухіјѕԁһԛԝ", "abekmhopctyxijsdhqw", strict=True)),
        **dict(zip("αβεηικνορτυχ", "abenikvoptux", strict=True)),
        **dict(zip("013457@$", "oieastas", strict=True)),
        "ı": "i",
    }
)
_WORD: Final = re.compile(r"[^\W_]+")
_SPELT_LEAST: Final = 3


class WordFilter:
    """Refuses a prompt that holds a word of the list; `porn*` stands for every word that begins so."""

    def __init__(self, words: Iterable[str]) -> None:
        entries = [line.split("#")[0].strip() for line in words]
        whole = {skeleton(word) for word in entries if word and not word.endswith("*")}
        begun = {skeleton(word[:-1]) for word in entries if word.endswith("*")}
        self._whole, self._begun = frozenset(whole - {""}), tuple(sorted(begun - {""}))

    @classmethod
    def of(cls, settings: Settings) -> WordFilter:
        """The list that the settings name, else the short one that is shipped.

        Raises:
            InputError: the list cannot be read.
        """
        own = settings.filter_words
        try:
            text = (own or files("palitra").joinpath("locale", "refused_words.txt")).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"`filter_words` must be a readable text file, got {own}") from error
        return cls(text.splitlines())

    def refuses_prompt(self, prompt: str) -> bool:
        """Whether a word of the list is in it."""
        return any(word in self._whole or word.startswith(self._begun) for word in words_of(prompt))


def words_of(prompt: str) -> list[str]:
    """The skeletons of a prompt's words; letters spelt one by one count as a word too."""
    plain = [found.group() for found in _WORD.finditer(skeleton(prompt))]
    spelt, run = [], ""
    for word in [*plain, "  "]:
        if len(word) == 1:
            run += word
            continue
        if len(run) >= _SPELT_LEAST:
            spelt.append(run)
        run = ""
    return plain + spelt


def skeleton(text: str) -> str:
    """Text as it is read: no case, accents or hidden characters; look-alikes are one letter.

    Letters that stand more than twice in a row stand once.
    """
    opened = unicodedata.normalize("NFKD", text).casefold()
    seen = "".join(c for c in opened if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return re.sub(r"(.)\1{2,}", r"\1", seen.translate(_LOOKS))
