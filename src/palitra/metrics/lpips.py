"""LPIPS 0.1: how different two pictures look, by weighted distances between activations.

Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018).
Channels of each activation are brought to unit length, differences squared, weighted per channel,
averaged over places and summed over the five layers. Version 0.1 shifts and scales its input first;
values of 0.0 are not comparable.

The weights are one safetensors file with the trunk (`features.N.weight`, `features.N.bias`) and the
learned channel weights (`linN.model.1.weight`), under the names of the two published files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.errors import ImageError, InputError
from palitra.metrics.image_pairs import PairMean, check_pair
from palitra.models.perceptual_trunks import PerceptualTrunk, alexnet, vgg16
from palitra.models.weights import check_layout, read_weights

NETS = {"alex": alexnet, "vgg": vgg16}
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
SMALLEST = {"alex": 64, "vgg": 16}


class Lpips(nn.Module):
    """The distance as a network; `net` is alex (for measuring) or vgg (as a loss). Use `load_lpips`."""

    def __init__(self, net: str = "alex") -> None:
        super().__init__()
        if net not in NETS:
            raise InputError(f"`net` must be one of {', '.join(NETS)}, got {net}")
        self.net = net
        self.trunk: PerceptualTrunk = NETS[net]()
        self.weights = nn.ParameterList(nn.Parameter(torch.ones(1, c, 1, 1)) for c in self.trunk.channels)

    def forward(self, first: Tensor, second: Tensor, *, low: float, high: float) -> Tensor:
        """Distance of each pair, (B,); differentiable.

        Args:
            first: colour images (B, 3, H, W).
            second: the same for what they are compared with.
            low: the value of black in the images, such as 0 or -1; there is no default to confuse.
            high: the value of white.

        Raises:
            ImageError: the shapes differ, there are not 3 channels, or a side is below 64 (alex) or 16 (vgg).
            InputError: `low` is not below `high`.
        """
        check_pair(first, second, high - low)
        least = SMALLEST[self.net]
        if first.shape[1] != 3 or min(first.shape[2:]) < least:
            raise ImageError(
                f"`first` must have 3 channels and sides of at least {least} pixels for LPIPS with "
                f"{self.net}, got {tuple(first.shape)}; enlarge both images first and say so"
            )
        total = torch.zeros(len(first), dtype=self.weights[0].dtype, device=first.device)
        one, other = (self.trunk(self._normalise(v, low, high)) for v in (first, second))
        for a, b, weight in zip(one, other, self.weights, strict=True):
            apart = (F.normalize(a, dim=1, eps=1e-10) - F.normalize(b, dim=1, eps=1e-10)).square()
            total = total + (apart * weight).sum(1).mean((1, 2))
        return total

    def _normalise(self, images: Tensor, low: float, high: float) -> Tensor:
        shift, scale = (
            images.new_tensor(v, dtype=self.weights[0].dtype).view(1, 3, 1, 1) for v in (SHIFT, SCALE)
        )
        unit = (images.to(shift.dtype) - low) / (high - low)
        return (2 * unit - 1 - shift) / scale


def load_lpips(path: Path, net: str = "alex", device: torch.device | str = "cpu") -> Lpips:
    """Read one safetensors file with the trunk and the channel weights; a classifier in it is left out.

    Raises:
        ModelNotFoundError: no such file.
        WeightsError: pickled, damaged, or of another layout.
    """
    network = Lpips(net)
    weights = read_weights(path)
    own = {_published(name): name for name in network.state_dict()}
    held = {name: info.shape for name, info in weights.infos.items() if not name.startswith("classifier.")}
    check_layout(path, held, {name: network.state_dict()[mine].shape for name, mine in own.items()})
    tensors = weights.tensors(device, torch.float32)
    network.load_state_dict({mine: tensors[name] for name, mine in own.items()})
    return network.to(device).eval().requires_grad_(False)


def _published(name: str) -> str:
    kind, _, rest = name.partition(".")
    return f"lin{rest}.model.1.weight" if kind == "weights" else rest


@dataclass
class LpipsMean(PairMean):
    """Mean of LPIPS over pairs."""

    network: Lpips | None = None
    low: float = 0.0
    high: float = 1.0

    def update(self, first: Tensor, second: Tensor) -> None:
        """Add pairs (B, 3, H, W)."""
        if self.network is None:
            raise InputError("`network` must be a loaded LPIPS before update, got None")
        with torch.inference_mode():
            self.values.append(self.network(first, second, low=self.low, high=self.high).double().cpu())

    def settings(self) -> tuple[float, ...]:
        """The range."""
        return self.low, self.high
