"""An optimiser's moments as named tensors."""

from __future__ import annotations

import torch
from torch import Tensor


def optimiser_tensors(name: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Every state tensor as "optimiser.NAME.NUMBER.FIELD"."""
    return {
        f"optimiser.{name}.{number}.{field}": value
        for number, state in optimiser.state_dict()["state"].items()
        for field, value in state.items()
    }


def restore_optimiser(name: str, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` gave; rates are set anew at every step."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(f"optimiser.{name}."):
            _, _, number, field = key.split(".")
            state.setdefault(int(number), {})[field] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
