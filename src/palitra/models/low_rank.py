"""Another network as a small difference to one that is there (LoRA: Hu et al., arXiv 2106.09685).

Every matrix or convolution W (out, in * kh * kw) becomes W + B A of rank r; biases and norms get a difference
of their own, which costs next to nothing. A distilled student stored so is a few megabytes (LCM-LoRA: Luo et
al., arXiv 2311.05556). B starts at zero: at first student and teacher are one network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from palitra.errors import WeightsError


class Difference(nn.Module):
    """A parametrisation: weight -> weight + difference while `on`."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        self.on = True
        self.full: nn.Parameter | None = None
        if weight.ndim < 2:
            self.full = nn.Parameter(torch.zeros_like(weight))
            return
        out, inputs = weight.shape[0], weight[0].numel()
        r = min(rank, out, inputs)
        self.down = nn.Parameter(torch.randn(r, inputs, device=weight.device) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(out, r, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight of the student, or of the teacher while off."""
        if not self.on:
            return weight
        if self.full is not None:
            return weight + self.full
        return weight + (self.up @ self.down).view_as(weight)


class LowRankStudent:
    """Turns a frozen network into a student that learns, with its teacher inside.

    The network's own weights stay frozen; `parameters` are the differences. Inside `teacher()` the network
    is what it was. One network in memory serves both.
    """

    def __init__(self, network: nn.Module, rank: int) -> None:
        self.network = network
        self.differences = nn.ModuleDict()
        for name, module in list(network.named_modules()):
            for kind, value in list(module.named_parameters(recurse=False)):
                value.requires_grad_(False)
                difference = Difference(value, rank)
                parametrize.register_parametrization(module, kind, difference)
                self.differences[f"{name}.{kind}".replace(".", "/")] = difference

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is learnt."""
        return list(self.differences.parameters())

    @contextmanager
    def teacher(self) -> Iterator[None]:
        """The network without its differences."""
        for difference in self.differences.values():
            assert isinstance(difference, Difference)
            difference.on = False
        try:
            yield
        finally:
            for difference in self.differences.values():
                assert isinstance(difference, Difference)
                difference.on = True

    def tensors(self) -> dict[str, Tensor]:
        """The differences by name: `unet.conv_in.weight.up`, `….down`, `….full`."""
        return {k.replace("/", "."): v.detach() for k, v in self.differences.state_dict().items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from differences of the same rank.

        Raises:
            WeightsError: names or shapes differ.
        """
        own = self.differences.state_dict()
        named = {k.replace("/", "."): k for k in own}
        if named.keys() != tensors.keys() or any(tensors[n].shape != own[k].shape for n, k in named.items()):
            raise WeightsError("`begin_with` must hold a student of the same rank and network")
        self.differences.load_state_dict({k: tensors[n].float() for n, k in named.items()})


@torch.no_grad()
def merge(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Add stored differences to a network's weights in place.

    Raises:
        WeightsError: a difference of a weight that the network does not have, or of another shape.
    """
    weights = dict(network.named_parameters())
    for name in sorted({key.rpartition(".")[0] for key in tensors}):
        weight = weights.get(name)
        try:
            if weight is None:
                raise KeyError(name)
            if f"{name}.full" in tensors:
                weight.add_(tensors[f"{name}.full"].to(weight))
            else:
                up, down = (tensors[f"{name}.{part}"].to(weight) for part in ("up", "down"))
                weight.add_((up @ down).view_as(weight))
        except (KeyError, RuntimeError) as error:
            raise WeightsError(
                f"`student` must fit its model, but the difference of {name} does not"
            ) from error
