"""What a user may ask for: one model per recipe, from which every front-end takes its options."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from palitra.spec.dials import FileInput, Words, dial

MAX_SEED = 2**63 - 1
SAMPLERS = ("ddim", "ddpm", "euler", "heun", "dpm++")
QualityName = Literal["draft", "normal", "best"]
SamplerName = Literal["ddim", "ddpm", "euler", "heun", "dpm++"]
BETA_AT_FULL = 2.75
STOP_AT_ZERO = 0.8
STOP_SPAN = 0.5
BEGUN_FOR_BEST = 8


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Prompt = Annotated[str, Field(max_length=2000), AfterValidator(_not_blank)]


class RecipeParams(BaseModel):
    """Fields every recipe has."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: ClassVar[dict[str, Words]]
    inputs: ClassVar[tuple[FileInput, ...]] = ()

    seed: int = dial(
        0,
        batching="exempt",
        level="advanced",
        ge=0,
        le=MAX_SEED,
        en=Words("Seed", "First seed; the n-th picture takes seed + n."),
        ru=Words("Зерно", "Первое зерно; n-я картинка берёт зерно + n."),
    )
    n: int = dial(
        1,
        batching="exempt",
        ge=1,
        le=64,
        en=Words("Pictures", "Number of pictures."),
        ru=Words("Картинок", "Сколько картинок сделать."),
    )
    model: str = dial(
        "mini",
        batching="key",
        max_length=500,
        en=Words("Model", "A known name, a folder, or a hub id."),
        ru=Words("Модель", "Известное имя, папка или имя в хабе."),
    )

    def work(self) -> int:
        """Picture-steps, as far as they are known before a model is loaded."""
        return self.n

    def pace(self) -> str:
        """What decides, beside recipe and model, how long a picture takes."""
        return ""

    def wish(self) -> str:
        """What was asked for, in the words of who asked: a title for lists."""
        return self.model


class WordsParams(RecipeParams):
    """Fields of recipes that are told in words what to draw."""

    prompt: Prompt = dial(
        ...,
        batching="exempt",
        en=Words("What to draw", "What the picture shows, in a few words."),
        ru=Words("Что нарисовать", "Что на картинке, в нескольких словах."),
    )
    negative: str = dial(
        "",
        batching="exempt",
        level="advanced",
        max_length=2000,
        en=Words("What to avoid", "What the picture must not show."),
        ru=Words("Чего избегать", "Чего на картинке быть не должно."),
    )
    steps: int = dial(
        30,
        batching="key",
        level="advanced",
        ge=1,
        le=1000,
        en=Words("Steps", "Sampling steps: more are slower and finer."),
        ru=Words("Шаги", "Шаги рисования: чем больше, тем дольше и тоньше."),
    )
    prompt_scale: float | None = dial(
        None,
        batching="key",
        level="advanced",
        ge=0,
        le=50,
        en=Words("Weight of the words", "How strongly the words count; default is the model's own."),
        ru=Words("Вес слов", "Насколько строго следовать словам; по умолчанию — как у модели."),
    )
    sampler: SamplerName = dial(
        "ddim",
        batching="key",
        level="advanced",
        en=Words("Sampler", "How steps are made."),
        ru=Words("Сэмплер", "Как делаются шаги."),
    )
    upscale: bool = dial(
        False,
        batching="exempt",
        level="advanced",
        offered=True,
        en=Words("Enlarge", "Pictures of up to 128 px at twice their side, by a small network."),
        ru=Words("Крупнее", "Картинки до 128 точек — вдвое больше: их увеличивает небольшая сеть."),
    )

    def pull(self) -> float:
        """How hard steps are pulled towards something other than the words, in lengths of a step."""
        return 0.0

    def work(self) -> int:
        """A step of each picture."""
        return self.n * self.steps

    def pace(self) -> str:
        """Sampler and steps."""
        return f"{self.sampler}/{self.steps}"

    def wish(self) -> str:
        """The words."""
        return self.prompt


class TextToImageParams(WordsParams):
    """Words to a picture."""

    title: ClassVar[dict[str, Words]] = {
        "en": Words("Words", "A picture from a few words."),
        "ru": Words("Слова", "Картинка по нескольким словам."),
    }
    recipe: Literal["text_to_image"] = Field("text_to_image", json_schema_extra={"batching": "key"})


class SketchToImageParams(WordsParams):
    """A sketch and words to a picture that keeps the sketch's shape."""

    title: ClassVar[dict[str, Words]] = {
        "en": Words("Sketch", "A drawing and a few words become a picture of the same shape."),
        "ru": Words("Набросок", "Рисунок и несколько слов становятся картинкой той же формы."),
    }
    inputs: ClassVar[tuple[FileInput, ...]] = (
        FileInput(
            "sketch",
            "sketch",
            True,
            Words("Sketch", "A drawing, a photo of a drawing, or a canvas export."),
            Words("Набросок", "Рисунок, фото рисунка или холст."),
        ),
        FileInput(
            "strictness",
            "map",
            False,
            Words("Strict and free places", "Grey picture: white binds to the lines, black leaves free."),
            Words("Где строго, где свободно", "Серая картинка: белое держит линии, чёрное отпускает."),
        ),
    )
    recipe: Literal["sketch_to_image"] = Field("sketch_to_image", json_schema_extra={"batching": "key"})
    quality: QualityName = dial(
        "normal",
        batching="key",
        level="hidden",
        en=Words("Quality", "draft: at once; normal: follows the lines; best: the best of several begun."),
        ru=Words("Качество", "draft — сразу; normal — держит линии; best — лучшая из нескольких начатых."),
        choices={
            "draft": (
                Words("Draft", "A few steps, in the time of a stroke."),
                Words("Черновик", "Несколько шагов, за время штриха."),
            ),
            "normal": (
                Words("Normal", "Every step looks at the lines."),
                Words("Обычно", "Каждый шаг сверяется с линиями."),
            ),
            "best": (
                Words("Best", "Eight times as many begun, the closest finished."),
                Words("Лучше", "Начато в восемь раз больше, закончены самые близкие."),
            ),
        },
    )
    fidelity: float = dial(
        0.6,
        batching="key",
        ge=0,
        le=1,
        en=Words("Fidelity", "0: as real as possible, 1: exactly my lines."),
        ru=Words("Верность линиям", "0 — как можно реальнее, 1 — точно мои линии."),
    )
    beta: float | None = dial(
        None,
        batching="key",
        level="hidden",
        ge=0,
        le=20,
        en=Words("Pull", "Strength of the pull; overrides the dial."),
        ru=Words("Сила", "Сила притяжения к линиям вместо ручки."),
    )
    stop: float | None = dial(
        None,
        batching="key",
        level="hidden",
        ge=0,
        le=1,
        en=Words("Free end", "Share of the steps left unguided at the end; overrides the dial."),
        ru=Words("Свободный конец", "Доля последних шагов без линий вместо ручки."),
    )
    best_of: int | None = dial(
        None,
        batching="key",
        level="advanced",
        ge=1,
        le=256,
        en=Words("Best of", "Seeds begun, of which the best n are finished."),
        ru=Words("Лучшие из", "Сколько картинок начать, чтобы закончить лучшие n."),
    )
    polish: float | None = dial(
        None,
        batching="key",
        level="hidden",
        ge=0,
        le=1,
        en=Words("Polish", "Share of the steps that go over a quick draft: 0 is the draft, 1 draws it anew."),
        ru=Words("Доводка", "Доля шагов поверх быстрого черновика: 0 — сам черновик, 1 — рисунок заново."),
    )
    partial: bool = dial(
        False,
        batching="key",
        en=Words("Partial sketch", "The sketch is partial: places without lines are left free."),
        ru=Words("Набросок не весь", "Места без линий отданы модели."),
    )

    def dial(self) -> tuple[float, float]:
        """(beta, stop) of the fidelity dial, with overrides applied."""
        beta = BETA_AT_FULL * self.fidelity if self.beta is None else self.beta
        stop = STOP_AT_ZERO - STOP_SPAN * self.fidelity if self.stop is None else self.stop
        return beta, round(stop, 6)

    def pull(self) -> float:
        """The dial's beta."""
        return self.dial()[0]

    def begun(self) -> int | None:
        """Seeds of which the best n are finished, or None: `best_of`, else eight times n at best quality.

        Without a pull towards the lines there is nothing to compare seeds by.
        """
        if self.best_of is not None or self.quality != "best":
            return self.best_of
        return min(BEGUN_FOR_BEST * self.n, 256) if self.guided() else None

    def skipped(self) -> int:
        """Steps for which a draft stands."""
        return 0 if self.polish is None else self.steps - round(self.polish * self.steps)

    def guided(self) -> int:
        """Steps that are pulled towards the lines."""
        beta, stop = self.dial()
        return max(0, round((1 - stop) * self.steps) - self.skipped()) if beta > 0 else 0

    def work(self) -> int:
        """A step of each picture that is begun."""
        return (self.begun() or self.n) * self.steps

    def pace(self) -> str:
        """Drafts are apart: they have steps of their own."""
        return "draft" if self.quality == "draft" else super().pace()
