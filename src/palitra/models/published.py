"""Loading published weights into networks that are defined here, from one safetensors file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from palitra.models.weights import check_layout, read_weights

Network = TypeVar("Network", bound=nn.Module)
COUNTER = "num_batches_tracked"


def load_published(
    path: Path,
    make: Callable[[Mapping[str, tuple[int, ...]]], Network],
    device: torch.device | str = "cpu",
    rename: Callable[[str], str | None] = lambda name: name,
    reshape: Callable[[str, Tensor], Tensor] = lambda name, value: value,
) -> Network:
    """A network in float32, frozen, in evaluation mode, filled from a safetensors file.

    Args:
        path: the file.
        make: builds the network from the shapes of the file's tensors, under the network's names.
        device: where it goes.
        rename: the network's name of a tensor in the file; None leaves the tensor out.
        reshape: gives a tensor the network's shape, where layouts differ in that alone.

    Raises:
        ModelNotFoundError: no such file.
        WeightsError: pickled, damaged, or of another layout; the first tensor that differs is named.
    """
    weights = read_weights(path)
    names = {old: new for old in weights.infos if (new := rename(old)) and not new.endswith(COUNTER)}
    held = {
        new: tuple(reshape(new, torch.empty(weights.infos[old].shape, device="meta")).shape)
        for old, new in names.items()
    }
    with torch.device("meta"):
        network = make(held)
    own = network.state_dict()
    check_layout(path, held, {k: v.shape for k, v in own.items() if not k.endswith(COUNTER)})
    tensors = weights.tensors(device, torch.float32)
    counters = {k: torch.zeros((), dtype=torch.int64) for k in own if k.endswith(COUNTER)}
    found = {new: reshape(new, tensors[old]) for old, new in names.items()}
    network.load_state_dict(found | counters, assign=True)
    return network.to(device).eval().requires_grad_(False)
