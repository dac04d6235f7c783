"""Several processes, one model: gradients are averaged, everything else is the same everywhere.

`accelerate launch` and `torchrun` both start the processes and say who is who in the environment; where
accelerate is installed it makes the group (and picks the device), else torch does.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch import distributed as dist

from palitra.errors import InputError


@dataclass(frozen=True)
class Parallel:
    """This process's number among `ranks`."""

    rank: int = 0
    ranks: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes files."""
        return self.rank == 0

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their mean over all processes."""
        if self.ranks > 1:
            for parameter in parameters:
                if parameter.grad is not None:
                    self.mean(parameter.grad)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over all processes, in place."""
        if self.ranks > 1:
            dist.all_reduce(value)
            value /= self.ranks
        return value

    def check(self, batch: int) -> None:
        """Raise `InputError` unless the batch divides."""
        if batch % self.ranks:
            raise InputError(
                f"`training.batch` must be a multiple of the {self.ranks} processes, got {batch}"
            )


def join_processes(device: torch.device) -> Parallel:
    """The processes the environment tells of; one when it tells of none."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1:
        return Parallel()
    if not dist.is_initialized():
        if importlib.util.find_spec("accelerate") is not None:
            importlib.import_module("accelerate").PartialState(cpu=device.type == "cpu")
        else:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Parallel(dist.get_rank(), dist.get_world_size())
