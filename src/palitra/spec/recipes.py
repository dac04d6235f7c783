"""What a user may ask for: one model per recipe, from which every front-end takes its options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_SEED = 2**63 - 1
SAMPLERS = ("ddim", "ddpm", "euler", "heun", "dpm++")
SamplerName = Literal["ddim", "ddpm", "euler", "heun", "dpm++"]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Prompt = Annotated[str, Field(max_length=2000), AfterValidator(_not_blank)]


class RecipeParams(BaseModel):
    """Fields every recipe has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Prompt = Field(description="What the picture shows, in a few words.")
    negative: str = Field("", max_length=2000, description="What the picture must not show.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="First seed; the n-th picture takes seed + n.")
    n: int = Field(1, ge=1, le=64, description="Number of pictures.")
    steps: int = Field(30, ge=1, le=1000, description="Sampling steps: more are slower and finer.")
    prompt_scale: float | None = Field(
        None, ge=0, le=50, description="How strongly the words count; default is the model's own."
    )
    model: str = Field("mini", max_length=500, description="A known name, a folder, or a hub id.")
    sampler: SamplerName = Field("ddim", description="How steps are made.")


class TextToImageParams(RecipeParams):
    """Words to a picture."""

    recipe: Literal["text_to_image"] = "text_to_image"


class SketchToImageParams(RecipeParams):
    """A sketch and words to a picture that keeps the sketch's shape."""

    recipe: Literal["sketch_to_image"] = "sketch_to_image"
    fidelity: float = Field(0.6, ge=0, le=1, description="0: as real as possible, 1: exactly my lines.")
    beta: float | None = Field(None, ge=0, le=20, description="Strength of the pull; overrides the dial.")
    stop: float | None = Field(
        None, ge=0, le=1, description="Share of the steps left unguided at the end; overrides the dial."
    )
    best_of: int | None = Field(
        None, ge=1, le=256, description="Seeds begun, of which the best n are finished."
    )
    partial: bool = Field(False, description="The sketch is partial: places without lines are left free.")

    def dial(self) -> tuple[float, float]:
        """(beta, stop) of the fidelity dial, with overrides applied."""
        beta = BETA_AT_FULL * self.fidelity if self.beta is None else self.beta
        stop = STOP_AT_ZERO - STOP_SPAN * self.fidelity if self.stop is None else self.stop
        return beta, round(stop, 6)


BETA_AT_FULL = 2.7
STOP_AT_ZERO = 0.8
STOP_SPAN = 0.5
