"""Spectral normalisation of every convolution and linear layer (arXiv 1802.05957)."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def apply_spectral_norm(network: nn.Module, leave_out: tuple[type[nn.Module], ...] = ()) -> nn.Module:
    """Divide all weights of convolutions, linear layers, embeddings by their largest singular value."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
    for layer in list(network.modules()):
        if isinstance(layer, kinds) and not isinstance(layer, leave_out):
            spectral_norm(layer, eps=1e-6)
    return network
