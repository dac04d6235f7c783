"""Muon for the matrices of a network, AdamW for everything else, behind one optimiser's face.

Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon) replaces the momentum of a matrix by its
nearest orthogonal matrix, so that rare directions move as far as common ones. Measured on mini from the
same checkpoint over the same 120 batches, it lowers the loss 2.4 times as far as AdamW and takes 1.4 times
as long a step (docs/decisions/0007-muon.md). A convolution counts as the matrix (out, in * kh * kw).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


class MuonAdamW:
    """Holds `torch.optim.Muon` over flat views of `matrices` and `torch.optim.AdamW` over `rest`.

    Both take the same rates: Muon's updates are scaled to the size that AdamW's have. `iterations` are the
    steps of Newton and Schulz towards the orthogonal matrix.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        rest: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
        iterations: int = 5,
    ) -> None:
        self._matrices = list(matrices)
        # the views share memory with the parameters: a step through them moves the network; `view`
        # refuses layouts (channels last) where `flatten` would copy and the network would stand still
        self._flat = [nn.Parameter(p.detach().view(len(p), -1)) for p in self._matrices]
        self._muon = torch.optim.Muon(
            self._flat,
            lr=lr,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
            ns_steps=iterations,
        )
        self._adamw = torch.optim.AdamW(rest, lr=lr, betas=betas, weight_decay=weight_decay)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of both; setting a group's "lr" sets the rate."""
        return [*self._muon.param_groups, *self._adamw.param_groups]

    def step(self) -> None:
        """One update from the gradients of the parameters."""
        for matrix, flat in zip(self._matrices, self._flat, strict=True):
            flat.grad = None if matrix.grad is None else matrix.grad.flatten(1)
        self._muon.step()
        self._adamw.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        self._adamw.zero_grad(set_to_none)
        for matrix, flat in zip(self._matrices, self._flat, strict=True):
            matrix.grad = flat.grad = None

    def state_dict(self) -> dict[str, Any]:
        """States numbered through: the matrices first, then the rest."""
        n = len(self._flat)
        state = dict(self._muon.state_dict()["state"])
        state |= {n + i: s for i, s in self._adamw.state_dict()["state"].items()}
        return {"state": state, "param_groups": []}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave; rates and groups stay as they are."""
        n = len(self._flat)
        for optimizer, first, last in ((self._muon, 0, n), (self._adamw, n, None)):
            own = {
                i - first: s
                for i, s in state_dict["state"].items()
                if i >= first and (last is None or i < last)
            }
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": own, "param_groups": groups})


def split_parameters(
    *networks: nn.Module, edges: tuple[str, ...] = ("conv_in.", "conv_out.")
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """(matrices for Muon, the rest) of the networks.

    The first and last layers (names that begin with one of `edges`) and all embedding tables are no maps
    between hidden spaces and stay with AdamW, as do biases and norms.
    """
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for network in networks:
        tables = {id(m.weight) for m in network.modules() if isinstance(m, nn.Embedding)}
        for name, p in network.named_parameters():
            outer = name.startswith(edges) or id(p) in tables
            (rest if p.ndim < 2 or outer else matrices).append(p)
    return matrices, rest
