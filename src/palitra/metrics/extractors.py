"""Networks whose features are compared, by name: eye, inception, vgg16, dinov2, clip and others.

A score belongs to its extractor. Only the published Inception's may be called FID without a suffix.
Weights come from local safetensors only; nothing is downloaded here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.errors import InputError, ModelNotFoundError, WeightsError
from palitra.metrics.extractor import PUBLISHED, Extracted, Extractor, Factory
from palitra.metrics.published_extractors import arcface, facenet, vgg16
from palitra.models.eye import FOLDER, load_eye
from palitra.models.inception import SIZE, load_inception
from palitra.models.metric_weights_files import located
from palitra.models.weights import FileHashes, find_weights, read_json, shown

__all__ = ["Extracted", "Extractor", "default_extractor", "load_extractor"]

RANDOM_SIZE = 32
RANDOM_WIDTHS = (32, 64, 128)


def default_extractor() -> str:
    """The embedded eye; random in a package without it."""
    return "eye" if (FOLDER / "config.json").is_file() else "random"


def load_extractor(
    name: str,
    weights: Path | None = None,
    device: torch.device | str = "cpu",
    more: Mapping[str, Factory] | None = None,
) -> Extractor:
    """An extractor by name.

    Args:
        name: inception, vgg16, dinov2, clip, facenet, arcface, random, eye, or a key of `more`.
        weights: its safetensors file or folder; by default in the models' home folder.
        device: where it runs.
        more: further extractors by name, before the known ones.

    Raises:
        InputError: nobody knows the name.
        ModelNotFoundError: its files are not here; says which belong where.
        WeightsError: the files are pickled, damaged or of another layout.
    """
    known: dict[str, Factory] = {
        "inception": _inception,
        "dinov2": _dinov2,
        "clip": _clip,
        "vgg16": vgg16,
        "facenet": facenet,
        "arcface": arcface,
        "random": _random,
        "eye": _eye,
        **(more or {}),
    }
    if name not in known:
        raise InputError(f"`extractor` must be one of {', '.join(known)}, got {name}")
    return known[name](weights, torch.device(device))


def _inception(weights: Path | None, device: torch.device) -> Extractor:
    path = located("inception", weights)
    network = load_inception(path, device).fold()

    def run(images: Tensor) -> Extracted:
        return Extracted(*network(images.contiguous(memory_format=torch.channels_last)))

    return Extractor(PUBLISHED, SIZE, FileHashes().sha256(path), run, device)


def _dinov2(weights: Path | None, device: torch.device) -> Extractor:
    """The class token after the last norm."""
    path = located("dinov2", weights)
    from transformers import AutoModel

    network = from_folder(AutoModel, path).to(device).eval()
    return normalised("dinov2", path, 224, device, lambda x: network(pixel_values=x).pooler_output)


def _clip(weights: Path | None, device: torch.device) -> Extractor:
    """The projected image embedding."""
    path = located("clip", weights)
    from transformers import CLIPVisionModelWithProjection

    network = from_folder(CLIPVisionModelWithProjection, path).to(device).eval()
    size = int(read_json(path / "config.json").get("image_size", 224))
    return normalised("clip", path, size, device, lambda x: network(pixel_values=x).image_embeds)


def from_folder(kind: type, path: Path) -> nn.Module:
    """A network of transformers from its local folder.

    Raises:
        WeightsError: the folder holds no such network in safetensors.
    """
    try:
        network: nn.Module = kind.from_pretrained(path, local_files_only=True, use_safetensors=True)  # type: ignore[attr-defined]
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(
            f"`{shown(path)}` must be a model folder with safetensors: {str(error).splitlines()[0]}"
        ) from error
    return network


def normalised(
    name: str, path: Path, size: int, device: torch.device, network: Callable[[Tensor], Tensor]
) -> Extractor:
    """An extractor that standardises colours as the folder's `preprocessor_config.json` says."""
    config = read_json(path / "preprocessor_config.json")
    mean, std = (
        torch.tensor(config[key], dtype=torch.float32, device=device).view(1, 3, 1, 1)
        for key in ("image_mean", "image_std")
    )
    hashes = FileHashes()
    files = sorted(path.glob("*.safetensors"))
    digest = hashlib.sha256("".join(hashes.sha256(f) for f in files).encode()).hexdigest()
    return Extractor(name, size, digest, lambda x: Extracted(network((x / 255 - mean) / std)), device)


def _random(weights: Path | None, device: torch.device) -> Extractor:
    """Convolutions with fixed random weights: means and deviations of three scales, 448 numbers.

    For tests and for machines without any weights. It sees colour and texture, not things.
    """
    if weights is not None:
        raise InputError(f"`weights` must be absent for the random extractor, got {weights}")
    source = torch.Generator().manual_seed(0)
    kernels, inputs = [], 3
    for width in RANDOM_WIDTHS:
        kernel = torch.randn(width, inputs, 3, 3, generator=source)
        # no answer to flat colour, so that texture counts
        kernels.append((kernel - kernel.mean((2, 3), keepdim=True) * 0.5).to(device) / (9 * inputs) ** 0.5)
        inputs = width
    digest = hashlib.sha256(b"".join(k.cpu().numpy().tobytes() for k in kernels)).hexdigest()

    def run(images: Tensor) -> Extracted:
        x = images / 127.5 - 1
        found = []
        for kernel in kernels:
            x = F.leaky_relu(F.conv2d(x, kernel, padding=1), 0.2) * 2**0.5
            found += [x.mean((2, 3)), x.std((2, 3), correction=0)]
            x = F.avg_pool2d(x, 2)
        return Extracted(torch.cat(found, 1))

    return Extractor("random", RANDOM_SIZE, digest, run, device)


def _eye(weights: Path | None, device: torch.device) -> Extractor:
    """The embedded encoder: pooled features of its last stage, and its concepts as classes."""
    folder = weights or FOLDER
    if not (folder / "config.json").is_file():
        what = (
            "a folder that `palitra train eye` wrote" if weights else "part of the package: install it again"
        )
        raise ModelNotFoundError(f"`extractor` eye must be {what}, and {folder} holds no config.json")
    network = load_eye(folder, device).network

    def run(images: Tensor) -> Extracted:
        seen = network(images)
        return Extracted(seen.features, seen.concepts)

    digest = FileHashes().sha256(find_weights(folder, "model").path)
    return Extractor("eye", network.shape.size, digest, run, device)
