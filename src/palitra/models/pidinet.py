"""PiDiNet, the edge detector of pixel difference convolutions.

Source: Su et al., "Pixel Difference Networks for Efficient Edge Detection" (2108.07009), configuration
carv4. How we differ: a pixel difference convolution is computed as one plain convolution with a kernel
derived from the learned one (the operation is linear), so the network costs the same folded or not,
and training needs no second pass for the differences.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.errors import ImageError, check_range

Difference = Literal["cv", "cd", "ad", "rd"]

CARV4: tuple[Difference, ...] = ("cd", "ad", "rd", "cv")
BLOCKS = (3, 4, 4, 4)
DILATIONS = (5, 7, 9, 11)
SMALLEST_SIDE = 8
# The eight neighbours in a 3x3 kernel (row-major), each moved one place clockwise around the centre.
CLOCKWISE = (3, 0, 1, 6, 4, 2, 7, 8, 5)
NEIGHBOURS = (0, 1, 2, 3, 5, 6, 7, 8)
CENTRE_OPEN = (1, 1, 1, 1, 0, 1, 1, 1, 1)
RING_OUTER = (0, 2, 4, 10, 14, 20, 22, 24)
RING_INNER = (6, 7, 8, 11, 13, 16, 17, 18)


@dataclass(frozen=True)
class PiDiNetConfig:
    """Shape of the network: `width` 60 (base), 30 (small) or 20 (tiny).

    `head_width` is the width of the CDCM module (24, 12, 8 in the paper); 0 leaves CDCM and CSAM
    out, the paper's "-L" variants.
    """

    width: int = 60
    head_width: int = 24

    def __post_init__(self) -> None:
        check_range("width", self.width, 1, 1024)
        check_range("head_width", self.head_width, 0, 1024)


def difference_kernel(weight: Tensor, kind: Difference) -> Tensor:
    """The plain kernel that computes a pixel difference convolution with `weight`.

    Args:
        weight: learned kernel, (out, in, 3, 3).
        kind: "cv" plain; "cd" neighbours minus centre; "ad" every pixel minus the next one around
            the centre; "rd" outer ring minus inner ring along each of the eight directions.

    Returns:
        (out, in, 3, 3), for "rd" (out, in, 5, 5). Source: equations 2-5 and appendix of the paper.
    """
    if kind == "cv":
        return weight
    flat = weight.flatten(2)
    if kind == "cd":
        centre = F.one_hot(torch.tensor(4), 9).to(weight)
        return (flat - flat.sum(2, keepdim=True) * centre).view_as(weight)
    if kind == "ad":
        return (flat - flat[:, :, list(CLOCKWISE)]).view_as(weight)
    ring = flat[:, :, list(NEIGHBOURS)]
    wide = weight.new_zeros(*flat.shape[:2], 25)
    wide[:, :, list(RING_OUTER)] = ring
    wide[:, :, list(RING_INNER)] = -ring
    return wide.view(*flat.shape[:2], 5, 5)


def radial_difference(x: Tensor, weight: Tensor) -> Tensor:
    """The depthwise "rd" convolution as two 3x3 ones, which train faster.

    On CPUs the weight gradient of a 5x5 or dilated depthwise convolution takes seventy times as long
    as that of a 3x3 one. The outer ring is a 3x3 kernel on every second pixel, so it is applied to
    the four phases of the picture as channels. Equal to the 5x5 kernel up to rounding.
    """
    height, width = x.shape[2:]
    centre = torch.tensor(CENTRE_OPEN, device=x.device, dtype=weight.dtype).view(3, 3)
    ring = weight * centre
    phases = F.pixel_unshuffle(F.pad(x, (0, width % 2, 0, height % 2)), 2)
    outer = F.conv2d(phases, ring.repeat_interleave(4, 0), padding=1, groups=phases.shape[1])
    inner = F.conv2d(x, ring, padding=1, groups=x.shape[1])
    return F.pixel_shuffle(outer, 2)[:, :, :height, :width] - inner


class PixelDifferenceConv(nn.Module):
    """A 3x3 convolution on differences of pixels; same size out, no bias."""

    def __init__(self, inputs: int, outputs: int, kind: Difference, groups: int = 1) -> None:
        super().__init__()
        self.kind, self.groups = kind, groups
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, 3, 3))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W) with the derived kernel."""
        if self.training and self.kind == "rd" and self.groups == x.shape[1] == len(self.weight):
            return radial_difference(x, self.weight)
        kernel = difference_kernel(self.weight, self.kind)
        return F.conv2d(x, kernel, padding=kernel.shape[-1] // 2, groups=self.groups)

    def fold(self) -> nn.Conv2d:
        """The same operation as a plain convolution."""
        kernel = difference_kernel(self.weight.detach(), self.kind)
        out, per_group, size, _ = kernel.shape
        plain = nn.Conv2d(
            per_group * self.groups, out, size, padding=size // 2, groups=self.groups, bias=False
        )
        plain.weight = nn.Parameter(kernel.clone(), requires_grad=self.weight.requires_grad)
        return plain


class DifferenceBlock(nn.Module):
    """Depthwise pixel difference convolution, ReLU, 1x1, plus the shortcut; `down` halves the size first."""

    def __init__(self, inputs: int, outputs: int, kind: Difference, down: bool) -> None:
        super().__init__()
        self.down = down
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if down else nn.Identity()
        self.depthwise: nn.Module = PixelDifferenceConv(inputs, inputs, kind, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same size, or half of it (rounded down) with `down`."""
        if self.down:
            x = F.max_pool2d(x, 2)
        y: Tensor = self.pointwise(F.relu(self.depthwise(x)))
        return y + self.shortcut(x)


class CompactDilation(nn.Module):
    """CDCM: 1x1 to few channels, then the sum of four dilated 3x3 convolutions."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, width, 1)
        self.dilated = nn.ModuleList(
            nn.Conv2d(width, width, 3, dilation=d, padding=d, bias=False) for d in DILATIONS
        )
        nn.init.zeros_(self.reduce.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, width, H, W)."""
        x = self.reduce(F.relu(x))
        first, *others = self.dilated
        total: Tensor = first(x)
        for conv in others:
            total = total + conv(x)
        return total


class CompactSpatialAttention(nn.Module):
    """CSAM: one gate in (0, 1) per pixel, which mutes the background."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(width, 4, 1)
        self.gate = nn.Conv2d(4, 1, 3, padding=1, bias=False)
        nn.init.zeros_(self.narrow.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same, each pixel scaled by its gate."""
        return x * torch.sigmoid(self.gate(self.narrow(F.relu(x))))


class EdgeHead(nn.Module):
    """Reads one stage: CDCM and CSAM (unless `width` is 0), then one edge logit per pixel."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.dilation = CompactDilation(inputs, width) if width else nn.Identity()
        self.attention = CompactSpatialAttention(width) if width else nn.Identity()
        self.logit = nn.Conv2d(width or inputs, 1, 1)
        nn.init.zeros_(self.logit.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, 1, H, W)."""
        logit: Tensor = self.logit(self.attention(self.dilation(x)))
        return logit


class PiDiNet(nn.Module):
    """Edges in four stages of falling size, read by a head each and fused.

    Parameters: 0.71 M at width 60, 0.19 M at 30. Cost: 42.5 GFLOP (width 60) for 512 x 512.
    """

    def __init__(self, config: PiDiNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or PiDiNetConfig()
        widths = [config.width * m for m in (1, 2, 4, 4)]
        self.stem: nn.Module = PixelDifferenceConv(3, config.width, CARV4[0])
        self.stages = nn.ModuleList()
        layer, inputs = 1, config.width
        for stage, (width, count) in enumerate(zip(widths, BLOCKS, strict=True)):
            blocks = nn.Sequential()
            for index in range(count):
                down = stage > 0 and index == 0
                blocks.append(DifferenceBlock(inputs, width, CARV4[layer % 4], down))
                layer, inputs = layer + 1, width
            self.stages.append(blocks)
        self.heads = nn.ModuleList(EdgeHead(w, config.head_width) for w in widths)
        self.fuse = nn.Conv2d(4, 1, 1)
        nn.init.constant_(self.fuse.weight, 0.25)
        nn.init.zeros_(self.fuse.bias)  # type: ignore[arg-type]

    def logits(self, x: Tensor) -> list[Tensor]:
        """Logits of the four stages and, last, of their fusion, each (B, 1, H, W).

        Args:
            x: normalised picture, (B, 3, H, W), both sides at least 8.

        Raises:
            ImageError: not three channels, or a side below 8 px.
        """
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST_SIDE:
            raise ImageError(
                f"`images` must be (B, 3, H, W) with sides from {SMALLEST_SIDE} px, got {tuple(x.shape)}"
            )
        size = x.shape[2:]
        x = self.stem(x)
        maps = []
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            maps.append(F.interpolate(head(x), size, mode="bilinear", align_corners=False))
        return [*maps, self.fuse(torch.cat(maps, 1))]

    def forward(self, x: Tensor) -> list[Tensor] | Tensor:
        """Edge probabilities in [0, 1]: all five maps in training mode, else only the fused one.

        See `logits` for shapes and errors.
        """
        logits = self.logits(x)
        return [torch.sigmoid(m) for m in logits] if self.training else torch.sigmoid(logits[-1])

    def fold(self) -> PiDiNet:
        """A copy with plain convolutions only (5x5 for "rd"), equal to about 1e-6.

        The 5x5 kernels make it slightly larger (0.71 M to 0.72 M parameters at width 60).
        """
        folded = copy.deepcopy(self)
        for module in list(folded.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, PixelDifferenceConv):
                    setattr(module, name, child.fold())
        return folded
