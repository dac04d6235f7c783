"""The latent edge predictor of sketch guidance (Voynov et al., arXiv 2211.13752, section 3.1).

A per-pixel MLP reads the U-Net's activations at nine taps (seven on mini) together with the time and predicts
the latent of the picture's edge map. We differ in feeding the scalar time (public ports feed the true noise,
which is not known while sampling) and, optionally, in a layer norm per tap.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SD_TAPS = (
    "down.0.attn.1",
    "down.1.attn.0",
    "down.2.attn.1",
    "mid.res.0",
    "mid.attn.0",
    "mid.res.1",
    "up.0.upsample",
    "up.1.attn.1",
    "up.2.upsample",
)
MINI_TAPS = (
    "down.0.res.0",
    "down.1.attn.0",
    "down.2.attn.0",
    "mid.res.0",
    "mid.attn.0",
    "mid.res.1",
    "up.0.upsample",
)
"""The last up block is left unread: its taps cost a sixth of a guided step (docs/decisions/0010)."""


@dataclass(frozen=True)
class EdgePredictorConfig:
    """taps: site names in forward order; tap_channels: their widths."""

    taps: tuple[str, ...]
    tap_channels: tuple[int, ...]
    latent_channels: int
    hidden: tuple[int, ...] = (512, 256, 128, 64)
    octaves: int = 10
    tap_norm: bool = True

    def to_dict(self) -> dict[str, object]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> EdgePredictorConfig:
        """Read what `to_dict` wrote."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})  # type: ignore[arg-type]


def encode_time(t: Tensor, octaves: int) -> Tensor:
    """Times (B,) -> (B, octaves + 1): sin(2 pi t 2^-l), l = 0 …, and t / 1000."""
    l = torch.arange(octaves, device=t.device, dtype=torch.float32)  # noqa: E741
    waves = torch.sin(2 * math.pi * t.float()[:, None] * 2.0**-l)
    return torch.cat([waves, t.float()[:, None] / 1000], 1)


class EdgePredictor(nn.Module):
    """Linear -> (ReLU -> BatchNorm -> Linear) x 4 per pixel.

    The first layer is kept split by tap and applied at each tap's own resolution: a linear map commutes
    with bilinear resizing, so only its 512 output channels are resized and no 9,280-channel map exists.
    """

    def __init__(self, config: EdgePredictorConfig) -> None:
        super().__init__()
        self.config = config
        widths = (*config.hidden, config.latent_channels)
        taps = [nn.Conv2d(c, widths[0], 1, bias=False) for c in config.tap_channels]
        layers = [nn.Conv2d(i, o, 1) for i, o in pairwise(widths)]
        self.norms = nn.ModuleList(
            nn.LayerNorm(c) if config.tap_norm else nn.Identity() for c in config.tap_channels
        )
        self.taps = nn.ModuleList(taps)
        self.time = nn.Linear(config.octaves + 1, widths[0])
        self.batch_norms = nn.ModuleList(nn.BatchNorm2d(c) for c in config.hidden)
        self.layers = nn.ModuleList(layers)
        fan_in = sum(config.tap_channels) + config.octaves + 1
        for weight in (*(tap.weight for tap in taps), self.time.weight):
            nn.init.normal_(weight, std=math.sqrt(2 / fan_in))
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.time.bias)

    def forward(self, features: Sequence[Tensor], t: Tensor, size: tuple[int, int]) -> Tensor:
        """Features (B, C_i, h_i, w_i) at times (B,) -> edge latent (B, C, *size)."""
        x = self.first(features, t, size)
        for norm, layer in zip(self.batch_norms, self.layers, strict=True):
            x = layer(norm(F.relu(x)))
        return x

    def first(self, features: Sequence[Tensor], t: Tensor, size: tuple[int, int]) -> Tensor:
        """The first linear layer: summed per resolution, resized once per resolution."""
        sums: dict[tuple[int, int], Tensor] = {}
        for feature, norm, tap in zip(features, self.norms, self.taps, strict=True):
            feature = feature.float()
            if self.config.tap_norm:
                feature = norm(feature.movedim(1, -1)).movedim(-1, 1)
            key = (feature.shape[-2], feature.shape[-1])
            sums[key] = sums[key] + tap(feature) if key in sums else tap(feature)
        total = self.time(encode_time(t, self.config.octaves))[:, :, None, None]
        for key, value in sums.items():
            if key != size:
                value = F.interpolate(value, size=size, mode="bilinear", align_corners=False)
            total = total + value
        return total

    @torch.no_grad()
    def fold(self) -> EdgePredictor:
        """The same function in evaluation mode with every BatchNorm folded into the linear layer after it."""
        folded = copy.deepcopy(self).eval()
        for i, (norm, layer) in enumerate(zip(self.batch_norms, folded.layers, strict=True)):
            assert isinstance(norm, nn.BatchNorm2d)
            assert isinstance(layer, nn.Conv2d)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            assert layer.bias is not None
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            shift = norm.bias - norm.running_mean * scale
            layer.bias += layer.weight[:, :, 0, 0] @ shift
            layer.weight *= scale[None, :, None, None]
            folded.batch_norms[i] = nn.Identity()
        return folded.requires_grad_(False)
