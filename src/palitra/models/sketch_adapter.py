"""A direct sketch adapter in the shape of T2I-Adapter (Mou et al., arXiv 2302.08453, section 3.2).

One light pass over the drawing gives a feature map for every level of the U-Net's encoder; they are added to
the last block of each level, before its downsampling, so that the skips carry them too. Nothing depends on
the time or the words: one pass serves all steps and both halves of guidance. We differ from the paper in
starting every output at zero, so that an untrained adapter changes nothing, and in average pooling between
levels. Published T2I-Adapter weights do not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class SketchAdapterConfig:
    """`sites`: where the maps are added, one a level from fine to coarse; `channels`: their widths there.

    `factor`: pixels of the drawing per cell of the finest level, a side. `widths`: inside the adapter.
    """

    sites: tuple[str, ...]
    channels: tuple[int, ...]
    factor: int
    widths: tuple[int, ...] = (64, 128, 192)
    blocks: int = 2

    def to_dict(self) -> dict[str, object]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> SketchAdapterConfig:
        """Read what `to_dict` wrote."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        if not len(self.sites) == len(self.channels) == len(self.widths):
            raise ValueError("sites, channels and widths must have one entry a level")


def encoder_sites(sites: Sequence[str]) -> tuple[str, ...]:
    """The last block of every level of the way down: where a T2I-Adapter adds its maps."""
    levels: dict[int, str] = {}
    for site in sites:
        words = site.split(".")
        if words[0] == "down" and len(words) == 4 and words[2] in ("res", "attn"):
            levels[int(words[1])] = site
    return tuple(levels[level] for level in sorted(levels))


class Block(nn.Module):
    """x + conv1x1(relu(conv3x3(x))), the paper's residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.outer = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w), the same shape."""
        return x + self.outer(F.relu(self.inner(x)))


class SketchAdapter(nn.Module):
    """Drawings to one map a level; 1.3 M parameters and about 1 ms a drawing for mini."""

    def __init__(self, config: SketchAdapterConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.first = nn.Conv2d(config.factor**2, widths[0], 3, padding=1)
        self.between = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in pairwise(widths))
        self.levels = nn.ModuleList(nn.Sequential(*(Block(w) for _ in range(config.blocks))) for w in widths)
        self.outputs = nn.ModuleList(nn.Conv2d(w, c, 1) for w, c in zip(widths, config.channels, strict=True))
        for output in self.outputs:
            assert isinstance(output, nn.Conv2d)
            assert output.bias is not None
            nn.init.zeros_(output.weight)
            nn.init.zeros_(output.bias)

    def forward(self, paper: Tensor) -> list[Tensor]:
        """Drawings (B, 1, H, W) in [0, 1], black on white -> (B, C_i, h / 2^i, w / 2^i), h = H / factor.

        Inside, ink is 1 and paper 0, as in the paper.
        """
        x = self.first(F.pixel_unshuffle(1 - paper, self.config.factor))
        maps: list[Tensor] = []
        for level, (blocks, output) in enumerate(zip(self.levels, self.outputs, strict=True)):
            if level:
                x = self.between[level - 1](F.avg_pool2d(x, 2))
            x = blocks(x)
            maps.append(output(x))
        return maps
