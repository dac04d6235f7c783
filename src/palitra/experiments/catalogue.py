"""The experiments by name; a file is only read when its experiment is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from palitra.errors import InputError
from palitra.experiments.trial import Experiment

EXPERIMENTS: Final[Mapping[str, str]] = {
    "fashion_models": "All models of the zoo on Fashion-MNIST at equal processor time",
    "cifar_models": "All models of the zoo on CIFAR-10, as far as a processor reaches",
    "improved_gan": "Five techniques of Improved GAN by ablation",
    "noise_schedules": "Linear and cosine noise schedules, noise and velocity",
    "guidance": "Classifier-free guidance from none to strong",
    "semi_supervised": "A semi-supervised GAN with 100 and 1,000 labels",
    "discriminator_features": "Features of a DCGAN's discriminator against raw pixels and random weights",
    "balance_tiles": "Balancing magnetic tile defects with generated pictures",
    "balance_fashion_lt": "Balancing a long tail of Fashion-MNIST with generated pictures",
    "mini_recipe": "Recipes of mini at equal processor time",
}


def find_experiment(name: str) -> Experiment:
    """An experiment by its name.

    Raises:
        InputError: nobody knows it.
    """
    if name not in EXPERIMENTS:
        raise InputError(f"`name` must be one of {', '.join(EXPERIMENTS)}, got {name}")
    return cast(Experiment, import_module(f"palitra.experiments.{name}").EXPERIMENT)
