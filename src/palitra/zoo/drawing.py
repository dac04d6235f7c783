"""Drawing pictures of chosen classes from a trained model; a picture depends on its own seed alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from palitra.core.rng import Noise
from palitra.errors import ComposeError, InputError, check_range
from palitra.zoo.families.adversarial import Adversarial
from palitra.zoo.families.diffusion import SAMPLERS, Diffusion
from palitra.zoo.families.family import Drawing, Family

CHUNK = 100


def check_drawing(model: Family, options: Drawing) -> None:
    """Raise `ComposeError` or `InputError` for an option the model does not have or a value out of bounds."""
    name = f"model {model.config.model}"
    diffusion = isinstance(model, Diffusion)
    if diffusion and options.truncation is not None:
        raise ComposeError(f"`truncation` cannot be combined with `{name}`: diffusion takes guidance")
    for field in ("guidance", "steps", "sampler"):
        if getattr(options, field) is not None and not diffusion:
            raise ComposeError(f"`{field}` cannot be combined with `{name}`: it is no diffusion model")
    if options.sampler is not None:
        if model.config.loss.kind == "edm":
            raise ComposeError(f"`sampler` cannot be combined with `{name}`: it draws by Heun's steps")
        if options.sampler not in SAMPLERS:
            raise InputError(f"`sampler` must be {' or '.join(SAMPLERS)}, got {options.sampler}")
    if options.truncation is not None:
        check_range("truncation", options.truncation, 1e-3, 100)
    if options.guidance is not None:
        check_range("guidance", options.guidance, 0, 100)
    if options.steps is not None:
        check_range("steps", options.steps, 1, 1000)


def check_labels(model: Family, labels: Tensor | None) -> None:
    """Raise `ComposeError` if classes are asked of a model without."""
    if labels is not None and not model.classes:
        raise ComposeError(
            f"`class` cannot be combined with `model {model.config.model}`: it knows no classes"
        )


@torch.no_grad()
def draw_pictures(
    model: Family, labels: Tensor | None, count: int, seed: int, options: Drawing | None = None
) -> Iterator[Tensor]:
    """Chunks of pictures (B, C, H, W) in [-1, 1]; picture i has the seed `seed + i`.

    Args:
        model: in evaluation mode.
        labels: (count,) for a model with classes, else None.
        count: how many, at least 1.
        seed: of the first.
        options: truncation, guidance, steps, sampler.

    Raises:
        InputError: a value out of bounds.
        ComposeError: an option or a class the model does not know.
    """
    options = options or Drawing()
    check_range("n", count, 1, 10_000_000)
    check_drawing(model, options)
    check_labels(model, labels)
    device = next(model.parameters()).device
    for start in range(0, count, CHUNK):
        stop = min(count, start + CHUNK)
        some = None if labels is None else labels[start:stop].to(device)
        yield model.draw(some, Noise(range(seed + start, seed + stop), device), options).cpu()


@torch.no_grad()
def interpolate(model: Family, label: int | None, seeds: tuple[int, int], count: int) -> Tensor:
    """`count` pictures on the great circle between the latents of two seeds.

    Raises:
        ComposeError: a semi-supervised model, whose pictures are chosen and not drawn.
    """
    check_range("count", count, 2, 1000)
    if isinstance(model, Adversarial) and model.config.conditioning.kind == "semi_supervised":
        raise ComposeError("`interpolate` cannot be combined with `model sgan`: its pictures are chosen")
    labels = None if label is None or not model.classes else torch.full((count,), label)
    device = next(model.parameters()).device
    noise = Between(seeds, count, device)
    return model.draw(None if labels is None else labels.to(device), noise, Drawing()).cpu()


class Between(Noise):
    """Noise of two seeds, mixed so that every row is normal."""

    def __init__(self, seeds: tuple[int, int], count: int, device: torch.device | str) -> None:
        super().__init__(seeds, device)
        self.count = count

    def normal(self, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:  # type: ignore[override]
        """(count, *shape): cos a first + sin a second, a from 0 to a quarter turn."""
        first, second = super().normal(shape, dtype)
        angle = torch.linspace(0, torch.pi / 2, self.count, device=self.device, dtype=dtype)
        angle = angle.view(-1, *[1] * len(shape))
        return angle.cos() * first + angle.sin() * second
