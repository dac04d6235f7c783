"""A recipe that takes photos of people, registered while a test runs: none is shipped yet."""

from contextlib import contextmanager
from typing import ClassVar, Literal

from pydantic import Field

from palitra.spec.build import RECIPES
from palitra.spec.dials import FileInput, Words
from palitra.spec.recipes import TextToImageParams

NAME = "portrait"


class PortraitParams(TextToImageParams):
    title: ClassVar[dict[str, Words]] = {
        "en": Words("Portrait", "A photo of somebody and a few words."),
        "ru": Words("Портрет", "Фото человека и несколько слов."),
    }
    inputs: ClassVar[tuple[FileInput, ...]] = (
        FileInput(
            "photo",
            "photo",
            True,
            Words("Photo", "Of a person."),
            Words("Фото", "Человека."),
            subject="person",
        ),
        FileInput("backdrop", "map", False, Words("Backdrop", "Behind."), Words("Фон", "Сзади.")),
    )
    recipe: Literal["portrait"] = Field("portrait", json_schema_extra={"batching": "key"})


@contextmanager
def portraits():
    """The recipe is known until the block ends."""
    RECIPES[NAME] = PortraitParams
    try:
        yield
    finally:
        del RECIPES[NAME]
