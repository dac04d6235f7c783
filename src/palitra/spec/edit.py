"""The recipe of edits: a photo, what it shows, and what it should show instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from palitra.spec.dials import FileInput, Words, dial
from palitra.spec.recipes import RecipeParams

MOST_WISHES = 16
MOST_PICTURES = 64
"""Of one job: wishes times `n`."""


@dataclass(frozen=True)
class EditMethod:
    """A method of editing by its name."""

    name: str
    en: Words
    ru: Words


EDIT_METHODS: dict[str, EditMethod] = {
    m.name: m
    for m in (
        EditMethod(
            "guide-and-rescale",
            Words("Guide-and-Rescale", "Keeps the layout by guidance; the one to begin with."),
            Words("Guide-and-Rescale", "Держит строение фото наведением; с него стоит начать."),
        ),
        EditMethod(
            "negative-prompt-inversion",
            Words("Negative-prompt inversion", "Prompt-to-Prompt on the quick inversion."),
            Words("Negative-prompt inversion", "Prompt-to-Prompt с быстрым обращением."),
        ),
        EditMethod(
            "proximal",
            Words("NPI with proximal guidance", "Small changes of the picture are held back."),
            Words("NPI с проксимальным наведением", "Мелкие изменения картинки сдерживаются."),
        ),
        EditMethod(
            "null-text",
            Words("Null-text inversion", "Prompt-to-Prompt on an inversion tuned for this photo: slow."),
            Words("Null-text inversion", "Prompt-to-Prompt с подгонкой под это фото: долго."),
        ),
        EditMethod(
            "direct-inversion",
            Words("Direct inversion", "Prompt-to-Prompt with the photo's own path beside the edit."),
            Words("Direct inversion", "Prompt-to-Prompt рядом с собственным путём фото."),
        ),
        EditMethod(
            "masactrl",
            Words("MasaCtrl", "Changes poses: the edit takes its textures from the photo."),
            Words("MasaCtrl", "Меняет позы: правка берёт фактуры у фото."),
        ),
        EditMethod(
            "proximal-masactrl",
            Words("MasaCtrl with proximal guidance", "MasaCtrl that holds back small changes."),
            Words("MasaCtrl с проксимальным наведением", "MasaCtrl, который сдерживает мелкие изменения."),
        ),
        EditMethod(
            "plug-and-play",
            Words("Plug-and-Play", "Takes the photo's features: keeps shapes, changes looks."),
            Words("Plug-and-Play", "Берёт признаки фото: держит формы, меняет вид."),
        ),
        EditMethod(
            "edict",
            Words("EDICT", "An exact inversion by two coupled pictures."),
            Words("EDICT", "Точное обращение двумя связанными картинками."),
        ),
        EditMethod(
            "edit-friendly",
            Words("Edit-friendly DDPM", "Keeps the photo's noise; every seed gives another edit."),
            Words("Edit-friendly DDPM", "Сохраняет шум фото; каждое зерно даёт другую правку."),
        ),
        EditMethod(
            "ledits++",
            Words("LEDITS++", "Finds the place of the edit by itself and leaves the rest alone."),
            Words("LEDITS++", "Сам находит место правки и не трогает остальное."),
        ),
        EditMethod(
            "instruct-pix2pix",
            Words("InstructPix2Pix", "Follows an instruction; needs a model trained for it."),
            Words("InstructPix2Pix", "Следует указанию; нужна обученная этому модель."),
        ),
        EditMethod(
            "sdedit",
            Words("SDEdit", "Noise, then the words: the simplest way."),
            Words("SDEdit", "Шум, потом слова: самый простой способ."),
        ),
        EditMethod(
            "ddim",
            Words("DDIM inversion", "Inversion and the new words, nothing else."),
            Words("Обращение DDIM", "Обращение и новые слова, ничего больше."),
        ),
    )
}
EditMethodName = Literal[
    "guide-and-rescale",
    "negative-prompt-inversion",
    "proximal",
    "null-text",
    "direct-inversion",
    "masactrl",
    "proximal-masactrl",
    "plug-and-play",
    "edict",
    "edit-friendly",
    "ledits++",
    "instruct-pix2pix",
    "sdedit",
    "ddim",
]


def _wishes(text: str, info: ValidationInfo) -> str:
    """Lines without blanks around them; the same line twice is one wish."""
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not lines:
        raise ValueError("must not be empty")
    if len(lines) > MOST_WISHES:
        raise ValueError(f"must have at most {MOST_WISHES} lines, one wish each, got {len(lines)}")
    pictures = len(lines) * int(info.data.get("n", 1))
    if pictures > MOST_PICTURES:
        raise ValueError(f"must ask for at most {MOST_PICTURES} pictures (wishes times `n`), got {pictures}")
    return "\n".join(lines)


Wishes = Annotated[str, Field(max_length=4000), AfterValidator(_wishes)]


class EditParams(RecipeParams):
    """A photo and words for what it shows and what it should show instead."""

    title: ClassVar[dict[str, Words]] = {
        "en": Words("Edit", "A photo and a wish: what it should become. The rest of the photo stays."),
        "ru": Words("Правка", "Фото и желание: чем ему стать. Остальное на фото остаётся."),
    }
    inputs: ClassVar[tuple[FileInput, ...]] = (
        FileInput(
            "photo",
            "photo",
            True,
            Words("Photo", "The picture to change."),
            Words("Фото", "Картинка, которую надо изменить."),
            subject="anybody",
        ),
        FileInput(
            "mask",
            "mask",
            False,
            Words(
                "Where it may change",
                "Grey picture of the photo's size: white may change, black stays bit for bit.",
            ),
            Words(
                "Где можно менять",
                "Серая картинка размером с фото: белое можно менять, чёрное остаётся бит в бит.",
            ),
        ),
    )
    recipe: Literal["edit"] = Field("edit", json_schema_extra={"batching": "key"})
    n: int = dial(
        1,
        batching="exempt",
        level="advanced",
        own=True,
        ge=1,
        le=16,
        en=Words("Pictures", "Of each wish; most methods make the same picture from every seed."),
        ru=Words("Картинок", "На каждое желание; у большинства способов от зерна ничего не меняется."),
    )
    target: Wishes = dial(
        ...,
        batching="exempt",
        en=Words("What it should become", "The whole picture as it should be; a line for each wish."),
        ru=Words("Чем должно стать", "Картинка целиком, какой она должна быть; по строке на желание."),
    )
    source: str = dial(
        "",
        batching="exempt",
        max_length=2000,
        en=Words("What the photo shows", "In the same words where nothing changes; empty: it is guessed."),
        ru=Words("Что на фото", "Теми же словами там, где ничего не меняется; пусто — угадаем сами."),
    )
    method: EditMethodName = dial(
        "guide-and-rescale",
        batching="key",
        choices={m.name: (m.en, m.ru) for m in EDIT_METHODS.values()},
        en=Words("Method", "How the edit is made."),
        ru=Words("Способ", "Как делается правка."),
    )
    preset: Literal["local", "style"] = dial(
        "local",
        batching="key",
        own=True,
        choices={
            "local": (
                Words("One thing", "Something in the picture becomes something else."),
                Words("Что-то одно", "Что-то на картинке становится другим."),
            ),
            "style": (
                Words("The style", "The whole picture is drawn in another manner."),
                Words("Стиль", "Вся картинка рисуется в другой манере."),
            ),
        },
        en=Words("Kind of edit", "A local change, or another style of the whole picture."),
        ru=Words("Вид правки", "Местное изменение или другой стиль всей картинки."),
    )
    strength: float = dial(
        0.5,
        batching="key",
        ge=0,
        le=1,
        en=Words("Strength", "0: as near to the photo as the method can, 1: the words above all."),
        ru=Words("Сила", "0 — как можно ближе к фото, 1 — слова прежде всего."),
    )
    steps: int = dial(
        50,
        batching="key",
        level="advanced",
        own=True,
        ge=2,
        le=500,
        en=Words("Steps", "Sampling steps: more are slower and nearer to the photo."),
        ru=Words("Шаги", "Шаги рисования: чем больше, тем дольше и ближе к фото."),
    )
    prompt_scale: float | None = dial(
        None,
        batching="key",
        level="advanced",
        own=True,
        ge=0,
        le=50,
        en=Words("Weight of the words", "How strongly the words count; default is the method's own."),
        ru=Words("Вес слов", "Насколько строго следовать словам; по умолчанию — как у способа."),
    )
    keep: bool = dial(
        False,
        batching="key",
        en=Words("Keep the rest", "Find what the wish does not touch and leave it bit for bit."),
        ru=Words("Беречь остальное", "Найти, чего желание не касается, и оставить бит в бит."),
    )
    auto_strength: bool = dial(
        False,
        batching="key",
        level="advanced",
        en=Words("Choose the strength", "Try several strengths and take the best trade-off; slower."),
        ru=Words("Подобрать силу", "Попробовать несколько и взять лучшую по мере; дольше."),
    )
    official: bool = dial(
        False,
        batching="key",
        level="advanced",
        en=Words("As published", "Behave exactly as the authors' code, quirks included."),
        ru=Words("Как опубликовано", "В точности как код авторов, со всеми его причудами."),
    )

    def wishes(self) -> list[str]:
        """The targets, one a line."""
        return self.target.splitlines()

    def work(self) -> int:
        """A step of each picture of each wish."""
        return self.n * len(self.wishes()) * self.steps

    def pace(self) -> str:
        """Method, kind of edit, steps, and whether a strength is looked for first."""
        return f"{self.method}/{self.preset}/{self.steps}{'/auto' * self.auto_strength}"

    def wish(self) -> str:
        """From what to what."""
        return f"{self.source or '…'} → {'; '.join(self.wishes())}"
