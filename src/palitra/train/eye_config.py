"""Settings of `palitra train eye`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from palitra.errors import InputError, check_range


@dataclass(frozen=True)
class EyeConfig:
    """`samples` counts pictures seen. A batch holds `cifar10` + `pets` + … pictures of those sets.

    The picture's side grows while it learns: `sizes[i]` from the part `sizes_from[i]` of `samples` on,
    since small pictures cost a quarter (Tan and Le, "EfficientNetV2", 2021, section 4).
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    sizes: tuple[int, ...] = (32, 48, 64)
    sizes_from: tuple[float, ...] = (0.0, 0.6, 0.86)
    samples: int = 640_000
    cifar10: int = 80
    pets: int = 40
    pacs: int = 40
    faces_video: int = 16
    faces_lfw: int = 16
    learning_rate: float = 2e-3
    warmup: int = 200
    decay_from: float = 0.3
    weight_decay: float = 0.02
    clip_norm: float = 5.0
    label_smoothing: float = 0.1
    concept_weight: float = 1.0
    domain_weight: float = 0.3
    breed_weight: float = 0.3
    caption_weight: float = 0.5
    identity_weight: float = 0.15
    margin: float = 0.3
    margin_scale: float = 24.0
    text_width: int = 128
    text_layers: int = 2
    embedding: int = 128
    grey: float = 0.15
    shrink: float = 0.15
    blur: float = 0.08
    erase: float = 0.15
    ema: float = 0.998
    seed: int = 0
    bf16: bool = True
    compile: bool = False
    save_every: int = 500

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.sizes_from) or self.sizes_from[0] != 0:
            raise InputError(
                f"`sizes_from` must begin with 0 and have one value per size ({len(self.sizes)}), "
                f"got {list(self.sizes_from)}"
            )
        for size in self.sizes:
            check_range("sizes", size, 2 ** len(self.widths), 256)
        for name in ("grey", "shrink", "blur", "erase", "label_smoothing"):
            check_range(name, getattr(self, name), 0, 1)
        for name in ("cifar10", "pets", "pacs", "faces_video", "faces_lfw"):
            check_range(name, getattr(self, name), 1, 4096)

    def shares(self) -> dict[str, int]:
        """Pictures of each set in a batch, by the set's folder."""
        return {
            "cifar10": self.cifar10,
            "pets": self.pets,
            "pacs": self.pacs,
            "faces-video": self.faces_video,
            "faces-lfw": self.faces_lfw,
        }

    @property
    def batch(self) -> int:
        """Pictures in a batch."""
        return sum(self.shares().values())

    @property
    def steps(self) -> int:
        """Steps until `samples` are seen."""
        return max(1, -(-self.samples // self.batch))

    def size_at(self, step: int) -> int:
        """Side of the pictures of a step."""
        done = step / self.steps
        return [s for s, f in zip(self.sizes, self.sizes_from, strict=True) if f <= done][-1]

    def steps_at_size(self, step: int) -> int:
        """Steps before this one that had its size."""
        begun = max(f for f in self.sizes_from if f <= step / self.steps)
        first = math.ceil(begun * self.steps)
        return step - first
