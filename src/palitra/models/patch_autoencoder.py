"""A fixed linear code of picture patches: the autoencoder of mini.

Every `patch` x `patch` RGB patch becomes its first principal components, each divided by the square
root of its own deviation so that fine components neither vanish nor drown in noise. The decoder is
the least-squares linear map from a 3x3 neighbourhood of codes back to the patch, which removes most
block borders. Nothing is trained by gradient descent.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class PatchAutoencoderConfig:
    """Shape of the code: `factor` is the down-sampling, `latent_channels` the kept components."""

    factor: int = 4
    latent_channels: int = 16

    def to_dict(self) -> dict[str, int]:
        """Plain values for a JSON file."""
        return asdict(self)


class PatchAutoencoder(nn.Module):
    """Linear patch code.

    encode: images (B, 3, H, W) in [-1, 1] -> latents (B, C, H/f, W/f) of unit variance overall.
    decode: the way back. H and W must be multiples of f.
    """

    def __init__(self, config: PatchAutoencoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or PatchAutoencoderConfig()
        f, c = self.config.factor, self.config.latent_channels
        self.encoder = nn.Conv2d(3, c, f, stride=f)
        self.decoder = nn.Conv2d(c, 3 * f * f, 3, padding=1, padding_mode="replicate")

    @property
    def factor(self) -> int:
        """Pixels per latent cell."""
        return self.config.factor

    @property
    def channels(self) -> int:
        """Channels of a latent."""
        return self.config.latent_channels

    def encode(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1] to latents (B, C, H/f, W/f)."""
        return self.encoder(images)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, C, h, w) to images (B, 3, h*f, w*f), about [-1, 1], not clamped."""
        return F.pixel_shuffle(self.decoder(latents), self.config.factor)

    @torch.no_grad()
    def fit(self, images: Tensor) -> float:
        """Set all weights from images (N, 3, H, W) in [-1, 1]; returns the PSNR in dB on the same images."""
        f, c = self.config.factor, self.config.latent_channels
        patches = F.unfold(images, f, stride=f).transpose(1, 2).reshape(-1, 3 * f * f).double()
        mean = patches.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((patches - mean).T))
        basis = vectors.flip(1)[:, :c].T
        deviation = values.flip(0)[:c].clamp_min(1e-12).sqrt()
        scale = deviation.rsqrt()
        scale = scale / (deviation * scale).square().mean().sqrt()
        weight = basis * scale[:, None]
        self.encoder.weight.copy_(weight.reshape(c, 3, f, f))
        self.encoder.bias.copy_(-(weight @ mean))  # type: ignore[union-attr]
        self._fit_decoder(images)
        error = (self.decode(self.encode(images)).clamp(-1, 1) - images).double().square().mean()
        return float(10 * torch.log10(4 / error))

    def _fit_decoder(self, images: Tensor) -> None:
        """Least squares from 3x3 neighbourhoods of codes to patches, by the normal equations in float64."""
        c, f = self.config.latent_channels, self.config.factor
        n = 9 * c + 1
        gram = torch.zeros(n, n, dtype=torch.float64)
        cross = torch.zeros(n, 3 * f * f, dtype=torch.float64)
        for chunk in images.split(256):
            z = F.pad(self.encode(chunk), (1, 1, 1, 1), mode="replicate")
            a = F.unfold(z, 3).transpose(1, 2).reshape(-1, 9 * c).double()
            a = torch.cat([a, torch.ones(len(a), 1, dtype=a.dtype)], 1)
            y = F.pixel_unshuffle(chunk, f).flatten(2).transpose(1, 2).reshape(-1, 3 * f * f).double()
            gram += a.T @ a
            cross += a.T @ y
        ridge = 1e-6 * gram.diagonal().mean() * torch.eye(n, dtype=torch.float64)
        solution = torch.linalg.solve(gram + ridge, cross)
        self.decoder.weight.copy_(solution[:-1].T.reshape(3 * f * f, c, 3, 3))
        self.decoder.bias.copy_(solution[-1])  # type: ignore[union-attr]
