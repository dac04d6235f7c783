"""What every sampling recipe shares: noise, times, decoding, and clear words when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.predictor import Predictor
from palitra.core.rng import Noise
from palitra.core.sampler import Sampler
from palitra.data.images import to_image
from palitra.errors import InputError, OutOfMemoryError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.models.text_to_image import TextToImage
from palitra.recipes.choose_sampler import make_sampler
from palitra.recipes.picture import Picture
from palitra.recipes.upscale import enlarged
from palitra.spec.recipes import RecipeParams, WordsParams
from palitra.version import __version__

OnPicture = Callable[[Picture], None]
LARGEST_BATCH = 8


@dataclass(frozen=True, eq=False)
class Plan:
    """The parts of a run that do not depend on the seeds."""

    model: TextToImage
    params: WordsParams
    sampler: Sampler
    times: list[int]
    condition: Condition
    negative: Condition

    @property
    def count(self) -> int:
        """Number of steps."""
        return len(self.times) - 1

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a latent."""
        side = self.model.size // self.model.factor
        return (self.model.autoencoder.channels, side, side)

    def prompt_guider(self) -> Guider:
        """Classifier-free guidance at the prompt's scale; at scale 1 the conditional branch alone.

        The model's own scale grows with the recipe's pull, so that lines do not drown the words.
        """
        scale = self.params.prompt_scale
        if scale is None:
            scale = self.model.prompt_scale * (1 + self.model.words_gain * self.params.pull())
        if scale == 1:
            return Conditional(self.condition)
        return ClassifierFree(self.condition, self.negative, scale)

    def predictor(self, guiders: Sequence[Guider]) -> Predictor:
        """A fresh predictor over the model."""
        return Predictor(self.model.denoiser, self.model.schedule, guiders)


def make_plan(model: TextToImage, params: WordsParams) -> Plan:
    """Encode the words and space the steps."""
    from palitra.conditions.text import encode_prompts

    with torch.inference_mode(False), torch.no_grad():
        condition, negative = encode_prompts(model, [params.prompt], [params.negative])
    times = model.schedule.times(params.steps, model.spacing, model.steps_offset)
    return Plan(model, params, make_sampler(params.sampler, model.schedule), times, condition, negative)


def seeds_of(params: RecipeParams, count: int) -> list[int]:
    """`count` seeds from `params.seed` on."""
    last = params.seed + count - 1
    if last > 2**63 - 1:
        raise InputError(f"`seed` must leave room for {count} pictures below 2^63, got {params.seed}")
    return list(range(params.seed, last + 1))


def chunks(seeds: Sequence[int], size: int = LARGEST_BATCH) -> Iterator[list[int]]:
    """Batches of at most `size` seeds."""
    for start in range(0, len(seeds), size):
        yield list(seeds[start : start + size])


def first_latent(plan: Plan, noise: Noise) -> Tensor:
    """Pure noise, one row per seed."""
    return noise.normal(plan.latent_shape)


@torch.no_grad()
def decode(plan: Plan, latents: Tensor) -> list[Image.Image]:
    """Latents (B, C, h, w) as pictures."""
    images = plan.model.autoencoder.decode(latents)
    return [to_image((image.float().clamp(-1, 1) + 1) / 2) for image in images.cpu()]


def describe(plan: Plan, seed: int, batch: Sequence[int], **extra: Any) -> dict[str, Any]:
    """The recipe kept in a picture: everything that repeats it."""
    return {
        "palitra": __version__,
        "params": plan.params.model_dump(),
        "seed": seed,
        "batch": list(batch),
        "model": plan.model.name,
        "fingerprint": plan.model.fingerprint,
        **extra,
    }


def finish(plan: Plan, image: Image.Image, seed: int, batch: Sequence[int], **extra: Any) -> Picture:
    """A decoded picture as it is handed out: enlarged if that is wished, with its recipe."""
    shown, told = enlarged(image, plan.params.upscale)
    return Picture(shown, seed, describe(plan, seed, batch, **told, **extra))


@contextmanager
def memory_words() -> Iterator[None]:
    """Turn the device's out-of-memory errors into one sentence."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemoryError("the device ran out of memory: lower `n` or choose a smaller model") from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise OutOfMemoryError(
            "the machine ran out of memory: lower `n` or choose a smaller model"
        ) from error
