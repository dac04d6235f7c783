"""ArcFace's residual network (iresnet 18 to 200): aligned faces to 512 numbers of unit length.

Sources: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition" (2019), and
Han et al., "Deep Pyramidal Residual Networks" (2017) for the form of the blocks. Tensor names are those of
the published PyTorch backbones; how deep a file's network is, its tensor names say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.models.published import load_published

SIZE = 112
FEATURES = 512
WIDTHS = (64, 128, 256, 512)


class Block(nn.Module):
    """Norm, convolution, norm, PReLU, convolution of the block's stride, norm; beside it the way past."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.prelu = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, width, H / stride, W / stride)."""
        past = x if self.downsample is None else self.downsample(x)
        return self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x)))))) + past


class ArcFace(nn.Module):
    """Four stages of blocks; `depths` are their numbers, (3, 4, 14, 3) for the 50-layer network."""

    def __init__(self, depths: Sequence[int] = (3, 4, 14, 3)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.prelu = nn.PReLU(WIDTHS[0])
        inputs = WIDTHS[0]
        for number, (width, depth) in enumerate(zip(WIDTHS, depths, strict=True), 1):
            blocks = [Block(width if i else inputs, width, 1 if i else 2) for i in range(depth)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            inputs = width
        self.bn2 = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs * 7 * 7, FEATURES)
        self.features = nn.BatchNorm1d(FEATURES)

    def forward(self, images: Tensor) -> Tensor:
        """RGB faces (B, 3, 112, 112) in [0, 255], aligned, to unit vectors (B, 512)."""
        x = self.prelu(self.bn1(self.conv1(images / 127.5 - 1)))
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        return F.normalize(self.features(self.fc(self.bn2(x).flatten(1))), dim=1)


def load_arcface(path: Path, device: torch.device | str = "cpu") -> ArcFace:
    """Read a published backbone from safetensors; see `load_published`."""
    return load_published(path, lambda held: ArcFace(_depths(held)), device)


def _depths(held: Mapping[str, tuple[int, ...]]) -> list[int]:
    """Blocks in each stage by the tensor names; a stage without any gets one, which is then missed."""
    return [
        max(1, sum(name.startswith(f"layer{i}.") and name.endswith(".conv1.weight") for name in held))
        for i in range(1, 5)
    ]
