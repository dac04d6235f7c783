"""The optimiser of a model that is trained as one network, and its moments as named tensors."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from palitra.train.muon import MuonAdamW, split_parameters
from palitra.zoo.choices import Training


class Optimiser(Protocol):
    """What training needs of one; `torch.optim.Optimizer` and `MuonAdamW` have it."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups with their rates."""
        ...

    def step(self) -> object:
        """One update from the gradients."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: {name: tensor}}, "param_groups": [...]}."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""


def joint_optimiser(training: Training, network: nn.Module, edges: tuple[str, ...] = ()) -> Optimiser:
    """Adam, or Muon for the matrices between hidden layers; `edges` begin the names of the outer layers."""
    betas = (training.beta1, training.beta2)
    if training.optimiser == "adam":
        return torch.optim.Adam(network.parameters(), training.learning_rate, betas)
    matrices, rest = split_parameters(network, edges=edges)
    return MuonAdamW(matrices, rest, training.learning_rate, betas, weight_decay=0.0)


def optimiser_tensors(name: str, optimiser: Optimiser) -> dict[str, Tensor]:
    """Every state tensor as "optimiser.NAME.NUMBER.FIELD"."""
    return {
        f"optimiser.{name}.{number}.{field}": value
        for number, state in optimiser.state_dict()["state"].items()
        for field, value in state.items()
    }


def restore_optimiser(name: str, optimiser: Optimiser, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` gave; rates are set anew at every step."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(f"optimiser.{name}."):
            _, _, number, field = key.split(".")
            state.setdefault(int(number), {})[field] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
