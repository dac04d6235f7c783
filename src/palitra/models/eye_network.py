"""The trunk and the heads of eye: ten plain convolutions in five stages, read by five heads.

The trunk follows Simonyan and Zisserman, "Very Deep Convolutional Networks" (2015); batch norm (Ioffe and
Szegedy 2015) is there while it learns and folded away afterwards, so that stage activations are plain ReLU
outputs, as style and perceptual losses want them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from palitra.errors import ImageError

CONCEPTS = (
    *("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    *("elephant", "giraffe", "guitar", "house", "person"),
)
DOMAINS = ("photo", "painting", "sketch")


@dataclass(frozen=True)
class EyeShape:
    """Widths and names of the network; `size` is the side of its pictures in pixels."""

    size: int = 64
    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    embedding: int = 128
    text_width: int = 128
    concepts: tuple[str, ...] = CONCEPTS
    domains: tuple[str, ...] = DOMAINS
    breeds: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EyeShape:
        """Read what `to_dict` wrote.

        Raises:
            TypeError: another key than the fields.
        """
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)


@dataclass(frozen=True, eq=False)
class Seen:
    """What eye says of pictures (B, …).

    `features` (B, 512) are what distances between sets read; `concepts`, `domains` and `breeds` are
    logits; `caption` and `identity` (B, 128) have unit length.
    """

    features: Tensor
    concepts: Tensor
    domains: Tensor
    breeds: Tensor
    caption: Tensor
    identity: Tensor


class Stage(nn.Module):
    """Two 3x3 convolutions, each with its norm (or none, once folded) and a ReLU."""

    def __init__(self, inputs: int, width: int, batch_norm: bool) -> None:
        super().__init__()
        ends = pairwise((inputs, width, width))
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1, bias=not batch_norm) for i, o in ends)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) if batch_norm else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, width, H, W)."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)))
        return x


class EyeNetwork(nn.Module):
    """Pictures (B, 3, H, W) in [0, 255], by rights of side `shape.size`, to features and heads.

    The identity head reads the last stage in four quarters, since a face is known by what lies where;
    all others read the mean over places.
    """

    def __init__(self, shape: EyeShape, batch_norm: bool = False) -> None:
        super().__init__()
        self.shape = shape
        last = shape.widths[-1]
        self.stages = nn.ModuleList(Stage(i, o, batch_norm) for i, o in pairwise((3, *shape.widths)))
        self.concepts = nn.Linear(last, len(shape.concepts))
        self.domains = nn.Linear(last, len(shape.domains))
        self.breeds = nn.Linear(last, len(shape.breeds))
        self.caption = nn.Linear(last, shape.embedding, bias=False)
        self.identity = nn.Linear(4 * last, shape.embedding, bias=False)
        self.words = nn.Linear(shape.text_width, shape.embedding, bias=False)
        # the logarithm of what multiplies cosines of pictures and texts
        self.caption_scale = nn.Parameter(torch.tensor(2.3))

    def activations(self, images: Tensor) -> list[Tensor]:
        """The stages' last ReLU outputs (B, C_i, H / 2^i, W / 2^i), shallow to deep.

        Raises:
            ImageError: not three channels, or too small for the five stages.
        """
        smallest = 2 ** len(self.stages)
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < smallest:
            raise ImageError(
                f"`images` must be (B, 3, H, W) of at least {smallest} px, got {tuple(images.shape)}"
            )
        x = (images / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        found: list[Tensor] = []
        for stage in self.stages:
            x = stage(F.max_pool2d(x, 2) if found else x)
            found.append(x)
        return found

    def forward(self, images: Tensor) -> Seen:
        """Features and heads; features and embeddings in float32 whatever autocast does."""
        top = self.activations(images)[-1]
        features = F.max_pool2d(top, 2).float().mean((2, 3))
        quarters = F.adaptive_avg_pool2d(top.float(), 2).flatten(1)
        return Seen(
            features,
            self.concepts(features),
            self.domains(features),
            self.breeds(features),
            F.normalize(self.caption(features).float(), dim=1),
            F.normalize(self.identity(quarters).float(), dim=1),
        )

    @torch.no_grad()
    def folded(self) -> EyeNetwork:
        """The same function in evaluation mode with every batch norm inside its convolution."""
        plain = EyeNetwork(self.shape).to(self.caption_scale.device)
        own = {k: v for k, v in self.state_dict().items() if not k.startswith("stages.")}
        for at, stage in enumerate(self.stages):
            assert isinstance(stage, Stage)
            for place, (conv, norm) in enumerate(zip(stage.convs, stage.norms, strict=True)):
                assert isinstance(conv, nn.Conv2d)
                if isinstance(norm, nn.BatchNorm2d):
                    conv = fuse_conv_bn_eval(conv.eval(), norm.eval())
                own |= {f"stages.{at}.convs.{place}.{k}": v for k, v in conv.state_dict().items()}
        plain.load_state_dict(own)
        return plain.eval().requires_grad_(False)


def fit(images: Tensor, size: int) -> Tensor:
    """Pictures (B, 3, H, W) in [0, 255] at size x size: bicubic with antialiasing, clamped to the range.

    Other proportions are squeezed; crop before if that is not wanted.
    """
    if images.shape[2:] == (size, size):
        return images.float()
    made = F.interpolate(images.float(), (size, size), mode="bicubic", antialias=True, align_corners=False)
    return made.clamp(0, 255)
