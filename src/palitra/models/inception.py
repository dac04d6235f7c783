"""The Inception network of the published FID and Inception Score, in the layout of its PyTorch port.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2016), as the
TensorFlow graph of 2015-12-05 has it: average pools leave the padding out, the last block takes
the maximum in its pool branch, and there are 1008 classes. Tensor names are those of the port's file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.models.weights import check_layout, read_weights

SIZE = 299
FEATURES = 2048


@dataclass(frozen=True)
class Unit:
    """One convolution of a branch; with stride 2 it has no padding."""

    name: str
    width: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1


# a branch: an optional pool ("avg" or "max"), then units; a tuple of units at its end splits it
Step = str | Unit | tuple[Unit, ...]
Branch = Sequence[Step]


class ConvUnit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self, inputs: int, width: int, kernel: int | tuple[int, int], stride: int = 1, padded: bool = True
    ) -> None:
        super().__init__()
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (high // 2, wide // 2) if padded and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(inputs, width, (high, wide), stride, padding, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(width, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, width, ...)."""
        return F.relu(self.bn(self.conv(x)), inplace=True)

    def fold(self) -> None:
        """Put the batch norm into the convolution: the same function with one pass over memory less."""
        bn = self.bn
        assert isinstance(bn, nn.BatchNorm2d)
        assert bn.running_mean is not None
        assert bn.running_var is not None
        scale = bn.weight / (bn.running_var + bn.eps).sqrt()
        self.conv.weight = nn.Parameter(self.conv.weight * scale[:, None, None, None], requires_grad=False)
        self.conv.bias = nn.Parameter(bn.bias - bn.running_mean * scale, requires_grad=False)
        self.bn = nn.Identity()


class Mixed(nn.Module):
    """Branches side by side, their channels joined in order."""

    def __init__(self, inputs: int, branches: Sequence[Branch]) -> None:
        super().__init__()
        self.branches = tuple(branches)
        self.width = 0
        for branch in self.branches:
            channels = inputs
            for step in branch:
                units = (step,) if isinstance(step, Unit) else step if isinstance(step, tuple) else ()
                for unit in units:
                    self.add_module(unit.name, ConvUnit(channels, unit.width, unit.kernel, unit.stride))
                if units:
                    channels = sum(unit.width for unit in units)
            self.width += channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, width, ...)."""
        return torch.cat([self._run(branch, x) for branch in self.branches], 1)

    def _run(self, branch: Branch, x: Tensor) -> Tensor:
        for step in branch:
            if step == "avg":
                x = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            elif step == "max":
                x = F.max_pool2d(x, 3, 1, 1)
            elif step == "half":
                x = F.max_pool2d(x, 3, 2)
            elif isinstance(step, Unit):
                x = self.get_submodule(step.name)(x)
            elif isinstance(step, tuple):
                x = torch.cat([self.get_submodule(unit.name)(x) for unit in step], 1)
        return x


def _five(pool_width: int) -> list[Branch]:
    return [
        [Unit("branch1x1", 64)],
        [Unit("branch5x5_1", 48), Unit("branch5x5_2", 64, 5)],
        [Unit("branch3x3dbl_1", 64), Unit("branch3x3dbl_2", 96, 3), Unit("branch3x3dbl_3", 96, 3)],
        ["avg", Unit("branch_pool", pool_width)],
    ]


def _seven(width: int) -> list[Branch]:
    flat, tall = (1, 7), (7, 1)
    return [
        [Unit("branch1x1", 192)],
        [Unit("branch7x7_1", width), Unit("branch7x7_2", width, flat), Unit("branch7x7_3", 192, tall)],
        [
            Unit("branch7x7dbl_1", width),
            Unit("branch7x7dbl_2", width, tall),
            Unit("branch7x7dbl_3", width, flat),
            Unit("branch7x7dbl_4", width, tall),
            Unit("branch7x7dbl_5", 192, flat),
        ],
        ["avg", Unit("branch_pool", 192)],
    ]


def _last(pool: str) -> list[Branch]:
    flat, tall = (1, 3), (3, 1)
    return [
        [Unit("branch1x1", 320)],
        [Unit("branch3x3_1", 384), (Unit("branch3x3_2a", 384, flat), Unit("branch3x3_2b", 384, tall))],
        [
            Unit("branch3x3dbl_1", 448),
            Unit("branch3x3dbl_2", 384, 3),
            (Unit("branch3x3dbl_3a", 384, flat), Unit("branch3x3dbl_3b", 384, tall)),
        ],
        [pool, Unit("branch_pool", 192)],
    ]


_TO_17: list[Branch] = [
    [Unit("branch3x3", 384, 3, 2)],
    [Unit("branch3x3dbl_1", 64), Unit("branch3x3dbl_2", 96, 3), Unit("branch3x3dbl_3", 96, 3, 2)],
    ["half"],
]
_TO_8: list[Branch] = [
    [Unit("branch3x3_1", 192), Unit("branch3x3_2", 320, 3, 2)],
    [
        Unit("branch7x7x3_1", 192),
        Unit("branch7x7x3_2", 192, (1, 7)),
        Unit("branch7x7x3_3", 192, (7, 1)),
        Unit("branch7x7x3_4", 192, 3, 2),
    ],
    ["half"],
]
_BLOCKS: tuple[tuple[str, list[Branch]], ...] = (
    ("Mixed_5b", _five(32)),
    ("Mixed_5c", _five(64)),
    ("Mixed_5d", _five(64)),
    ("Mixed_6a", _TO_17),
    ("Mixed_6b", _seven(128)),
    ("Mixed_6c", _seven(160)),
    ("Mixed_6d", _seven(160)),
    ("Mixed_6e", _seven(192)),
    ("Mixed_7a", _TO_8),
    ("Mixed_7b", _last("avg")),
    ("Mixed_7c", _last("max")),
)


class Inception(nn.Module):
    """Pool3 features and class logits of images; made in evaluation mode, never trained here."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvUnit(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = ConvUnit(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = ConvUnit(32, 64, 3)
        self.Conv2d_3b_1x1 = ConvUnit(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvUnit(80, 192, 3, padded=False)
        width = 192
        for name, branches in _BLOCKS:
            block = Mixed(width, branches)
            self.add_module(name, block)
            width = block.width
        self.fc = nn.Linear(width, 1008)
        self.eval().requires_grad_(False)

    def fold(self) -> Inception:
        """This network with its batch norms folded into the convolutions, for measuring only."""
        for unit in self.modules():
            if isinstance(unit, ConvUnit):
                unit.fold()
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, 2048) and logits (B, 1008) without bias, as the Inception Score has them.

        Args:
            images: (B, 3, 299, 299) in [0, 255], already resized.
        """
        x = (images - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for name, _ in _BLOCKS:
            x = self.get_submodule(name)(x)
        features = x.mean((2, 3))
        return features, features @ self.fc.weight.T


def load_inception(path: Path, device: torch.device | str = "cpu") -> Inception:
    """Read the published weights from safetensors under their published names.

    Raises:
        ModelNotFoundError: no such file.
        WeightsError: pickled, damaged, or of another layout.
    """
    with torch.device("meta"):
        network = Inception()
    own = {k: v.shape for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    weights = read_weights(path)
    held = {k: info.shape for k, info in weights.infos.items() if not k.endswith("num_batches_tracked")}
    check_layout(path, held, own)
    tensors = weights.tensors(device, torch.float32)
    counters = {k: torch.zeros((), dtype=torch.int64) for k in network.state_dict() if k not in own}
    network.load_state_dict({k: tensors[k] for k in own} | counters, assign=True)
    return network.to(device).eval().requires_grad_(False)
