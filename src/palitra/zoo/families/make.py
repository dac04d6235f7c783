"""From a configuration to a model."""

from __future__ import annotations

import torch

from palitra.errors import InputError
from palitra.zoo.batches import mixed
from palitra.zoo.config import ZooConfig
from palitra.zoo.families.adversarial import Adversarial
from palitra.zoo.families.diffusion import Diffusion
from palitra.zoo.families.family import Family, Shape
from palitra.zoo.families.variational import Variational


def make_family(config: ZooConfig, shape: Shape, classes: int) -> Family:
    """Fresh weights from the configuration's seed; the program's own random stream stays as it was.

    Raises:
        InputError: a size the architecture cannot reach, or conditioning without at least two classes.
    """
    if config.conditioning.kind != "none" and classes < 2:
        raise InputError(
            f"`conditioning` must be none for fewer than 2 classes, got {config.conditioning.kind}"
        )
    kinds: dict[str, type[Family]] = {
        "adversarial": Adversarial,
        "variational": Variational,
        "diffusion": Diffusion,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed(config.training.seed, 0, 5))
        return kinds[config.family](config, shape, classes)


def parameter_count(model: torch.nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in model.parameters())
