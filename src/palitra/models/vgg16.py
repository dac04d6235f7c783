"""VGG16 up to the second fully connected layer, whose features published precision and recall use.

Sources: Simonyan and Zisserman, "Very Deep Convolutional Networks" (2015), configuration D; features as in
Kynkäänniemi et al., "Improved Precision and Recall Metric" (2019). Two published layouts of the same weights
are read: torchvision's (`classifier.0`, `classifier.3`) and timm's, where the two layers are convolutions
(`pre_logits.fc1`, `pre_logits.fc2`). The layer that names the classes is left out.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from palitra.models.perceptual_trunks import vgg16
from palitra.models.published import load_published

SIZE = 224
FEATURES = 4096
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
_TIMM = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3"}
_CLASSES = ("classifier.6.", "head.")


class Vgg16(nn.Module):
    """Features after the ReLU of the second fully connected layer; `width` is theirs, 4096 as published."""

    def __init__(self, width: int = FEATURES) -> None:
        super().__init__()
        self.features = nn.Sequential(*vgg16().features, nn.MaxPool2d(2))
        self.classifier = nn.ModuleDict({"0": nn.Linear(512 * 7 * 7, width), "3": nn.Linear(width, width)})

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 224, 224) in [0, 255], already resized, to (B, 4096)."""
        mean, deviation = (images.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
        x = self.features((images / 255 - mean) / deviation).flatten(1)
        for layer in self.classifier.values():
            x = layer(x).relu()
        return x


def load_vgg16(path: Path, device: torch.device | str = "cpu") -> Vgg16:
    """Read either published layout from safetensors; see `load_published`."""

    def rename(name: str) -> str | None:
        if name.startswith(_CLASSES):
            return None
        layer, _, kind = name.rpartition(".")
        return f"{_TIMM.get(layer, layer)}.{kind}"

    def reshape(name: str, value: Tensor) -> Tensor:
        linear = name.startswith("classifier.") and value.ndim == 4
        return value.flatten(1) if linear else value

    return load_published(
        path, lambda held: Vgg16(held.get("classifier.0.bias", (FEATURES,))[0]), device, rename, reshape
    )
