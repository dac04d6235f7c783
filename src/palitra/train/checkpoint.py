"""Exact training checkpoints in safetensors: weights, averages, optimiser moments and the step.

Batches are a pure function of (seed, step), so nothing else is needed to resume bit for bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from palitra.errors import WeightsError
from palitra.train.ema import EMA

FILE = "checkpoint.safetensors"


class Optimizer(Protocol):
    """What a checkpoint needs of an optimiser; `torch.optim.Optimizer` has it."""

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: {name: tensor}}, "param_groups": [...]}."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""


def save_checkpoint(
    folder: Path, step: int, modules: Mapping[str, nn.Module], optimizer: Optimizer, ema: EMA
) -> None:
    """Write everything atomically: a stop in the middle keeps the previous checkpoint whole."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"model.{name}.{k}": v.contiguous() for k, v in module.state_dict().items()}
    tensors |= {f"ema.{i}": v for i, v in enumerate(ema.averages)}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v.contiguous() for k, v in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{FILE}.part"
    save_file(tensors, part, metadata={"step": str(step), "modules": json.dumps(sorted(modules))})
    os.replace(part, folder / FILE)


def load_checkpoint(folder: Path, modules: Mapping[str, nn.Module], optimizer: Optimizer, ema: EMA) -> int:
    """Restore in place; returns the step to go on from, 0 when there is no checkpoint.

    Raises:
        WeightsError: the checkpoint is damaged, or was made with another shape of model.
    """
    path = folder / FILE
    if not path.exists():
        return 0
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"`resume` must be a whole checkpoint, got {path}") from error
    try:
        for name, module in modules.items():
            prefix = f"model.{name}."
            module.load_state_dict({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
        for i, average in enumerate(ema.averages):
            average.copy_(tensors[f"ema.{i}"])
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"`resume` must be a checkpoint of the same model shape, got {path}") from error
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, field = key.split(".")
            state.setdefault(int(index), {})[field] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return read_step(path)


def read_step(path: Path) -> int:
    """The step stored in a checkpoint file."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return int(file.metadata()["step"])
