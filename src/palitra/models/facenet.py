"""FaceNet as Inception-ResNet v1, in the layout of its PyTorch port: faces to 512 numbers of unit length.

Sources: Schroff et al., "FaceNet: A Unified Embedding for Face Recognition and Clustering" (2015), and
Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning" (2017).
Tensor names are those of the port's files (trained on VGGFace2 or CASIA-WebFace).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.models.inception import ConvUnit
from palitra.models.published import load_published

SIZE = 160
FEATURES = 512
# a layer: width, kernel, stride
Layer = tuple[int, int | tuple[int, int], int]
FLAT, TALL = (1, 7), (7, 1)


def _branch(inputs: int, layers: Sequence[Layer]) -> nn.Module:
    units = []
    for width, kernel, stride in layers:
        units.append(ConvUnit(inputs, width, kernel, stride))
        inputs = width
    return units[0] if len(units) == 1 else nn.Sequential(*units)


class Residual(nn.Module):
    """Branches side by side, projected back and added in part to what came in."""

    def __init__(
        self, width: int, scale: float, branches: Sequence[Sequence[Layer]], last: bool = False
    ) -> None:
        super().__init__()
        self.scale, self.last, self.branches = scale, last, len(branches)
        for number, layers in enumerate(branches):
            self.add_module(f"branch{number}", _branch(width, layers))
        self.conv2d = nn.Conv2d(sum(layers[-1][0] for layers in branches), width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) to the same; without a ReLU at the very last."""
        side = torch.cat([self.get_submodule(f"branch{i}")(x) for i in range(self.branches)], 1)
        x = x + self.scale * self.conv2d(side)
        return x if self.last else F.relu(x)


class Halving(nn.Module):
    """Branches of stride 2 beside a maximum pool."""

    def __init__(self, inputs: int, branches: Sequence[Sequence[Layer]]) -> None:
        super().__init__()
        self.branches = len(branches)
        for number, layers in enumerate(branches):
            self.add_module(f"branch{number}", _branch(inputs, layers))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, more, about H / 2, about W / 2)."""
        sides = [self.get_submodule(f"branch{i}")(x) for i in range(self.branches)]
        return torch.cat([*sides, F.max_pool2d(x, 3, 2)], 1)


def _eight(last: bool = False) -> Residual:
    branches: list[list[Layer]] = [[(192, 1, 1)], [(192, 1, 1), (192, (1, 3), 1), (192, (3, 1), 1)]]
    return Residual(1792, 1.0 if last else 0.2, branches, last)


def _thirty_five() -> Residual:
    one: Layer = (32, 1, 1)
    three: Layer = (32, 3, 1)
    return Residual(256, 0.17, [[one], [one, three], [one, three, three]])


def _seventeen() -> Residual:
    return Residual(896, 0.1, [[(128, 1, 1)], [(128, 1, 1), (128, FLAT, 1), (128, TALL, 1)]])


class FaceNet(nn.Module):
    """Embeddings of aligned faces."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = ConvUnit(3, 32, 3, 2)
        self.conv2d_2a = ConvUnit(32, 32, 3, padded=False)
        self.conv2d_2b = ConvUnit(32, 64, 3)
        self.conv2d_3b = ConvUnit(64, 80, 1)
        self.conv2d_4a = ConvUnit(80, 192, 3, padded=False)
        self.conv2d_4b = ConvUnit(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(_thirty_five() for _ in range(5)))
        self.mixed_6a = Halving(256, [[(384, 3, 2)], [(192, 1, 1), (192, 3, 1), (256, 3, 2)]])
        self.repeat_2 = nn.Sequential(*(_seventeen() for _ in range(10)))
        one = (256, 1, 1)
        self.mixed_7a = Halving(
            896, [[one, (384, 3, 2)], [one, (256, 3, 2)], [one, (256, 3, 1), (256, 3, 2)]]
        )
        self.repeat_3 = nn.Sequential(*(_eight() for _ in range(5)))
        self.block8 = _eight(last=True)
        self.last_linear = nn.Linear(1792, FEATURES, bias=False)
        self.last_bn = nn.BatchNorm1d(FEATURES, eps=0.001)

    def forward(self, images: Tensor) -> Tensor:
        """Faces (B, 3, 160, 160) in [0, 255], eyes level, to unit vectors (B, 512)."""
        x = (images - 127.5) / 128
        x = F.max_pool2d(self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x))), 3, 2)
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(x)))
        x = self.mixed_7a(self.repeat_2(self.mixed_6a(self.repeat_1(x))))
        x = self.block8(self.repeat_3(x)).mean((2, 3))
        return F.normalize(self.last_bn(self.last_linear(x)), dim=1)


def load_facenet(path: Path, device: torch.device | str = "cpu") -> FaceNet:
    """Read the port's weights from safetensors; their classifier is left out. See `load_published`."""
    return load_published(
        path, lambda held: FaceNet(), device, lambda name: None if name.startswith("logits.") else name
    )
