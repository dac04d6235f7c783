"""Twice the side of a small picture: bicubic, plus what a small network has learned to add.

Source: convolutions at the low resolution and one pixel shuffle at the end, as in ESPCN (Shi et al., arXiv
1609.05158); residual blocks without normalisation, as in EDSR (Lim et al., arXiv 1707.02921). How we differ:
the network adds to a bicubic enlargement in place of a learned one, so that it begins as bicubic.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.errors import ImageError, WeightsError
from palitra.models.weights import build_network, find_weights, read_json, save_weights, shown

EMBEDDED = Path(__file__).parents[1] / "weights" / "upscale"
FACTOR = 2


@dataclass(frozen=True)
class UpscalerConfig:
    """Shape: `blocks` residual blocks of two 3x3 convolutions with `width` channels."""

    width: int = 48
    blocks: int = 3


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


class UpscalerNetwork(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] to (B, 3, 2H, 2W), about [0, 1], not clamped.

    The last convolution starts at zero: an untrained network is bicubic enlargement, equal to Pillow's up
    to rounding. Cost with the default shape: 0.26 MFLOP for each pixel of the input.
    """

    def __init__(self, config: UpscalerConfig | None = None) -> None:
        super().__init__()
        self.config = config or UpscalerConfig()
        width = self.config.width
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(self.config.blocks)))
        self.out = nn.Conv2d(width, 3 * FACTOR**2, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Enlarge; the bicubic part is always computed in float32."""
        added = F.pixel_shuffle(self.out(self.blocks(self.stem(images - 0.5))), FACTOR)
        return bicubic(images) + added.float()


def bicubic(images: Tensor) -> Tensor:
    """Pictures (B, C, H, W) at twice their side, by the kernel of Pillow's bicubic (a = -0.5)."""
    return F.interpolate(
        images.float(), scale_factor=FACTOR, mode="bicubic", antialias=True, align_corners=False
    )


@dataclass(frozen=True, eq=False)
class Upscaler:
    """A trained network and the fingerprint of its weights."""

    network: UpscalerNetwork
    fingerprint: str

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] at twice their side, in [0, 1].

        Raises:
            ImageError: not colour pictures.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ImageError(f"`images` must be (B, 3, H, W), got {tuple(images.shape)}")
        return self.network(images.float()).clamp(0, 1)


def save_upscaler(folder: Path, network: UpscalerNetwork) -> None:
    """Write config.json and model.safetensors (bf16)."""
    save_weights(folder, "model", {k: v.to(torch.bfloat16) for k, v in network.state_dict().items()})
    told = json.dumps(asdict(network.config), indent=2) + "\n"
    (folder / "config.json").write_text(told, encoding="utf-8")


def load_upscaler(folder: Path = EMBEDDED) -> Upscaler:
    """Read what `save_upscaler` wrote; it works in float32 on the CPU, wherever the model runs.

    Raises:
        WeightsError: missing, damaged or of another layout.
    """
    config = read_json(folder / "config.json")
    try:
        shape = UpscalerConfig(int(config["width"]), int(config["blocks"]))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"`{shown(folder / 'config.json')}` must give the numbers width and blocks"
        ) from error
    weights = find_weights(folder, "model")
    network = build_network(lambda: UpscalerNetwork(shape), weights, "cpu", torch.float32)
    return Upscaler(network, weights.fingerprint()[:16])


@cache
def embedded_upscaler() -> Upscaler:
    """The embedded one, loaded once per process."""
    return load_upscaler()
