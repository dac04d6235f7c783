"""The image sets of the experiments, 32 px, from the folder of the sets; small ones for trying out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from palitra.errors import InputError
from palitra.zoo.labelled_images import LabelledImages, match_labels
from palitra.zoo.reading.read import read_labelled

SetName = Literal["fashion-mnist", "cifar10"]
SUFFIX = {"fashion-mnist": "npz", "cifar10": "parquet"}
SIDE = 32
TINY = 40


def check_set(data: Path, name: SetName) -> None:
    """Raise `InputError` unless both splits lie in the folder of the sets."""
    for split in ("train", "test"):
        path = _path(data, name, split)
        if not path.is_file():
            raise InputError(
                f"`data` must hold {name}/{path.name}: set PALITRA_DATA to the image sets' folder, got {data}"
            )


def read_set(data: Path, name: SetName, split: str, tiny: bool = False) -> LabelledImages:
    """A split at 32 px: Fashion-MNIST padded from 28, CIFAR-10 as it is; `tiny` takes 40 spread over it.

    Raises:
        InputError: it is not there, or not such a set.
    """
    check_set(data, name)
    found = read_labelled(_path(data, name, split), size=(SIDE, SIDE), fit="pad")
    if tiny and len(found) > TINY:
        found = found.rows(torch.arange(TINY) * len(found) // TINY)
    return found


def read_splits(data: Path, name: SetName, tiny: bool = False) -> tuple[LabelledImages, LabelledImages]:
    """Training and test pictures with the same class numbers."""
    train, test = (read_set(data, name, split, tiny) for split in ("train", "test"))
    return train, match_labels(test, train.names)


def _path(data: Path, name: SetName, split: str) -> Path:
    return data / name / f"{split}.{SUFFIX[name]}"
