"""Guidance by an instruction and a photo (InstructPix2Pix: Brooks et al., arXiv 2211.09800, 3.2.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from palitra.core.branch import Branch
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step

NAMES = ("uncond", "photo only", "target")


class InstructionAndPhoto(Guider):
    """e(0, 0) + image_scale (e(I, 0) - e(0, 0)) + text_scale (e(I, T) - e(I, 0)), eq. 3.

    instruction, empty: texts. photo: the photo's latent (B, C, h, w) as the model was told it, which it
    reads as extra channels; without a photo they are zeros. Three branches, batched into one call.
    """

    def __init__(
        self, instruction: Condition, empty: Condition, photo: Tensor, text_scale: float, image_scale: float
    ) -> None:
        self.text_scale, self.image_scale = text_scale, image_scale
        told = (
            Condition(text=empty.text, channels=torch.zeros_like(photo)),
            Condition(text=empty.text, channels=photo),
            Condition(text=instruction.text, channels=photo),
        )
        self.branches = tuple(Branch(name, c) for name, c in zip(NAMES, told, strict=True))

    def combine(self, step: Step, merged: Prediction | None) -> Prediction:
        """Both guidances, in the clean latent and in the noise alike."""
        nothing, photo, both = (step.predictions[name] for name in NAMES)

        def mix(n: Tensor, p: Tensor, b: Tensor) -> Tensor:
            return n + self.image_scale * (p - n) + self.text_scale * (b - p)

        return Prediction(mix(nothing.x0, photo.x0, both.x0), mix(nothing.eps, photo.eps, both.eps))
