"""Structure distance: how alike two pictures are in which of their places resemble each other.

Source: Tumanyan et al., "Splicing ViT Features for Semantic Appearance Transfer" (2022), as PIE-Bench uses it
(arXiv 2310.01506): keys of the last block of DINO ViT-B/8 at 224 px, all heads side by side, the class token
included; the cosine of every pair of tokens; mean squared difference of the two matrices.

PIE-Bench hands pictures in [0, 255] to a normalisation that is meant for [0, 1]. `quirk=True` does the
same, so that its published numbers can be compared; the default hands in what the network knows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.extractors import from_folder
from palitra.metrics.resize import resize
from palitra.models.metric_weights_files import located

Tokens = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) in [0, 1] -> tokens (B, N, D)."""
SIZE = 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def self_similarity(tokens: Tensor) -> Tensor:
    """Cosine of every pair of tokens (B, N, D), (B, N, N)."""
    if tokens.ndim != 3:
        raise InputError(f"`tokens` must be (B, N, D), got {tuple(tokens.shape)}")
    unit = F.normalize(tokens, dim=2, eps=1e-8)
    return unit @ unit.transpose(1, 2)


def structure_distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared difference of the self-similarities of tokens (B, N, D), (B,) float64.

    Raises:
        InputError: not of one shape.
    """
    if first.shape != second.shape:
        raise InputError(f"`second` must have the shape {tuple(first.shape)}, got {tuple(second.shape)}")
    return (self_similarity(first) - self_similarity(second)).double().square().mean((1, 2)).cpu()


def dino_keys(weights: Path | None = None, device: torch.device | str = "cpu", quirk: bool = False) -> Tokens:
    """Keys of the last block of DINO ViT-B/8 from a local transformers folder.

    Raises:
        ModelNotFoundError: its files are not here; says which belong where.
        WeightsError: damaged, or of another layout.
    """
    from transformers import ViTModel

    path = located("dino-vitb8", weights)
    network: Any = from_folder(ViTModel, path).to(device).eval().requires_grad_(False)
    mean, deviation = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
    found: list[Tensor] = []
    network.layers[-1].attention.k_proj.register_forward_hook(
        lambda _module, _inputs, output: found.append(output)
    )

    @torch.no_grad()
    def tokens(images: Tensor) -> Tensor:
        small = resize((images * 255).round().clamp(0, 255).byte(), SIZE, "clean").to(device)
        found.clear()
        network(pixel_values=((small if quirk else small / 255) - mean) / deviation)
        return found.pop()

    return tokens
