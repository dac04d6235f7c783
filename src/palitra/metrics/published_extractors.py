"""Extractors of published networks in one safetensors file each: vgg16, facenet, arcface.

vgg16 gives the features that published precision and recall use. The two face networks expect faces that are
cut out with level eyes; they are for the similarity of identities, and say little about anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from palitra.metrics.extractor import Extracted, Extractor
from palitra.models import arcface as arc
from palitra.models import facenet as face
from palitra.models import vgg16 as vgg
from palitra.models.metric_weights_files import located
from palitra.models.weights import FileHashes


def vgg16(weights: Path | None, device: torch.device) -> Extractor:
    """4096 features after the second fully connected layer."""
    return _extractor("vgg16", weights, device, vgg.load_vgg16, vgg.SIZE)


def facenet(weights: Path | None, device: torch.device) -> Extractor:
    """512 numbers of unit length, faces of 160 pixels."""
    return _extractor("facenet", weights, device, face.load_facenet, face.SIZE)


def arcface(weights: Path | None, device: torch.device) -> Extractor:
    """512 numbers of unit length, faces of 112 pixels aligned by five points."""
    return _extractor("arcface", weights, device, arc.load_arcface, arc.SIZE)


def _extractor(
    name: str,
    weights: Path | None,
    device: torch.device,
    load: Callable[[Path, torch.device], nn.Module],
    size: int,
) -> Extractor:
    path = located(name, weights)
    network = load(path, device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Extractor(name, size, FileHashes().sha256(path), lambda x: Extracted(network(x)), device)
