"""The recipe of classes: pictures of one class of a model, or of all of them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from palitra.spec.dials import Words, dial
from palitra.spec.recipes import RecipeParams

ALL: Final = "all"
MOST_PICTURES: Final = 2000
"""Of one job: a model may know more classes than anybody wants to wait for."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Name = Annotated[str, Field(max_length=200), AfterValidator(_not_blank)]


class ClassesParams(RecipeParams):
    """A class by its name, or all classes, to a sheet and its single pictures.

    The n-th picture of the whole takes seed + n, class after class. Which classes there are, and which of
    `truncation`, `guidance` and `steps` it takes, is up to the model.
    """

    title: ClassVar[dict[str, Words]] = {
        "en": Words("Classes", "A sheet of pictures of the classes that a model has learned."),
        "ru": Words("Классы", "Лист картинок тех классов, которые выучила модель."),
    }
    recipe: Literal["classes"] = Field("classes", json_schema_extra={"batching": "key"})
    model: Annotated[str, Field(max_length=500)] = dial(
        ...,
        batching="key",
        en=Words("Model", "A model of classes, by its name."),
        ru=Words("Модель", "Модель классов по имени."),
    )
    label: Name = dial(
        ALL,
        batching="exempt",
        en=Words("Class", "One class by its name, or all of them."),
        ru=Words("Класс", "Один класс по имени или все."),
    )
    n: int = dial(
        10,
        batching="exempt",
        ge=1,
        le=100,
        en=Words("Pictures", "Number of pictures of each class."),
        ru=Words("Картинок", "Сколько картинок каждого класса."),
    )
    truncation: float | None = dial(
        None,
        batching="key",
        level="advanced",
        ge=0.001,
        le=100,
        en=Words("Truncation", "Small values give typical pictures, large ones various; default is none."),
        ru=Words("Усечение", "Малые — типичные картинки, большие — разные; по умолчанию без него."),
    )
    guidance: float | None = dial(
        None,
        batching="key",
        level="advanced",
        ge=0,
        le=100,
        en=Words(
            "Weight of the class",
            "0: as learned; larger ones show the class more clearly; default is the model's own.",
        ),
        ru=Words(
            "Вес класса",
            "0 — как выучено; чем больше, тем яснее виден класс; по умолчанию — как у модели.",
        ),
    )
    steps: int | None = dial(
        None,
        batching="key",
        level="advanced",
        ge=1,
        le=1000,
        en=Words("Steps", "Sampling steps: more are slower and finer; default is the model's own."),
        ru=Words("Шаги", "Шаги рисования: чем больше, тем дольше и тоньше; по умолчанию — как у модели."),
    )

    def work(self) -> int:
        """Of one class; the worker, which knows the model, tells the rest."""
        return self.n * (self.steps or 1)

    def pace(self) -> str:
        """All classes or one, and the steps."""
        return f"{'all' if self.label == ALL else 'one'}/{self.steps or 'own'}"

    def wish(self) -> str:
        """Model, class and number."""
        return f"{self.model}: {self.label} × {self.n}"
