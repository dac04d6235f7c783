"""Methods of editing by the names users know."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from palitra.recipes.editing.ddim import ddim
from palitra.recipes.editing.guide_and_rescale import guide_and_rescale
from palitra.recipes.editing.job import EditJob

Method = Callable[[EditJob], Tensor]
"""Gives the edited latents (B, C, h, w) of a job."""

METHODS: dict[str, Method] = {
    "guide-and-rescale": guide_and_rescale,
    "ddim": ddim,
}

GRADIENT_METHODS = ("guide-and-rescale",)
"""Methods that differentiate the network and know thriftier ways to do it."""
