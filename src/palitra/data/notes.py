"""What was done to a picture the user handed in, told in the user's language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from palitra.errors import InputError

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    # reading a file
    "first_frame_used": (
        "The file holds several frames; the first one was used.",
        "В файле несколько кадров; взят первый.",
    ),
    "orientation_applied": (
        "The picture was turned upright as its camera recorded it.",
        "Снимок повёрнут так, как его держала камера.",
    ),
    "cmyk_converted": (
        "The print colours (CMYK) were converted to screen colours.",
        "Печатные цвета (CMYK) переведены в экранные.",
    ),
    "deep_colour_reduced": (
        "The {bits}-bit picture was scaled to 8 bits.",
        "Изображение глубиной {bits} бит приведено к 8 битам.",
    ),
    "colour_profile_applied": (
        "The embedded colour profile was applied.",
        "Учтён вложенный цветовой профиль.",
    ),
    "colour_profile_ignored": (
        "The embedded colour profile is damaged and was ignored.",
        "Вложенный цветовой профиль повреждён и не учтён.",
    ),
    # editing a photo
    "words_equal": (
        "Source and target words are equal: there is nothing to change.",
        "Слова до и после одинаковы: менять нечего.",
    ),
    "source_guessed": (
        "The photo was taken for “{words}”; say what it shows if that is wrong.",
        "Фото принято за «{words}»; если это не так, напишите, что на нём.",
    ),
    "strength_chosen": (
        "Strength {strength} gave the best trade-off of {count} tried.",
        "Лучшей из {count} оказалась сила {strength}.",
    ),
    "memory_saved": (
        "Memory was short: gradients were made piece by piece, which takes longer.",
        "Памяти не хватило: градиенты считались по частям, это дольше.",
    ),
    "layers_left_out": (
        "Memory was short: the finest layers were not guided, so details are kept less.",
        "Памяти не хватило: тонкие слои не направлялись, детали сохранены хуже.",
    ),
    # preparing a sketch
    "transparency_flattened": (
        "The transparent background was filled with {ground}.",
        "Прозрачный фон залит: {ground}.",
    ),
    "no_swapped_words": (
        "No words about the photo are swapped for others in “{target}”: edited without masks of words.",
        "В «{target}» нет слов, заменивших другие слова о фото: правка без масок по словам.",
    ),
    "polarity_inverted": (
        "Light lines on a dark ground were turned into dark lines on white.",
        "Светлые линии на тёмном фоне превращены в тёмные на белом.",
    ),
    "paper_cut_out": (
        "The sheet of paper was found and what lies around it was left out.",
        "Найден лист бумаги; всё вокруг него отброшено.",
    ),
    "shadows_removed": (
        "Uneven light and shadows of the photographed paper were evened out.",
        "Неровный свет и тени на снимке бумаги выровнены.",
    ),
    "ruled_paper_removed": (
        "The {count} ruled lines of the paper were removed.",
        "Линовка бумаги убрана, линий: {count}.",
    ),
    "specks_removed": (
        "Small specks were removed ({count}).",
        "Мелкие точки и соринки убраны ({count}).",
    ),
    "colour_lines_used": (
        "Filled areas were replaced by their outlines.",
        "Закрашенные области заменены их контурами.",
    ),
    "picture_lines_used": (
        "This looks like a photo or a painting; the edges of its shapes were used as lines.",
        "Похоже на фотографию или картину; линиями взяты границы форм.",
    ),
    "lines_thinned": (
        "Lines about {found} px wide were redrawn {wanted} px wide.",
        "Линии шириной около {found} пикс. перерисованы с шириной {wanted} пикс.",
    ),
    "lines_thickened": (
        "Thin lines of about {found} px were redrawn {wanted} px wide.",
        "Тонкие линии (около {found} пикс.) перерисованы с шириной {wanted} пикс.",
    ),
    "cropped_to_content": (
        "Empty margins were cut off.",
        "Пустые поля обрезаны.",
    ),
    "padded_to_square": (
        "The {width}x{height} picture was padded with white to a square.",
        "Изображение {width}x{height} дополнено белым до квадрата.",
    ),
}
_WORDS: Final = {
    "white": ("white", "белый цвет"),
    "black": ("black", "чёрный цвет"),
}

NOTE_CODES: Final = tuple(_TEXTS)
"""Every code a note can have; stable, so that the API, the bot and the page may rely on them."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was done to a picture.

    Attributes:
        code: one of `NOTE_CODES`.
        params: values the sentence names, as (name, value) pairs.
    """

    code: str
    params: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        assert self.code in _TEXTS, f"unknown note {self.code}"

    def text(self, language: str = "en") -> str:
        """The sentence in English ("en") or Russian ("ru").

        Raises:
            InputError: another language.
        """
        if language not in ("en", "ru"):
            raise InputError(f"`language` must be en or ru, got {language!r}")
        column = 0 if language == "en" else 1
        words = {name: _WORDS[value][column] if value in _WORDS else value for name, value in self.params}
        return _TEXTS[self.code][column].format(**words)


def note(code: str, **params: object) -> Note:
    """A note with its values turned into text (floats with one decimal)."""
    shown = {key: f"{value:.1f}" if isinstance(value, float) else str(value) for key, value in params.items()}
    return Note(code, tuple(shown.items()))
