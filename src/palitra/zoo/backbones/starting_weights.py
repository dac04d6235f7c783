"""Class planes beside a picture, and the weights networks start from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def with_planes(x: Tensor, beside: Tensor | None) -> Tensor:
    """A vector (B, E) as constant channels of the picture (B, C, H, W)."""
    if beside is None:
        return x
    planes = beside[:, :, None, None].expand(-1, -1, *x.shape[-2:])
    return torch.cat([x, planes.to(x.dtype)], 1)


def start_normal(network: nn.Module, deviation: float = 0.02) -> None:
    """Weights N(0, deviation), batch norm gains N(1, deviation), biases 0 (DCGAN, arXiv 1511.06434)."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0, deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1, deviation)


def start_orthogonal(network: nn.Module) -> None:
    """Orthogonal weights, biases 0 (BigGAN, arXiv 1809.11096)."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear, nn.Embedding)):
            nn.init.orthogonal_(layer.weight)
            bias = getattr(layer, "bias", None)
            if bias is not None:
                nn.init.zeros_(bias)
