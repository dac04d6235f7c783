"""Between pictures and latents: the protocol, and the KL autoencoder of Stable Diffusion."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from palitra.errors import WeightsError
from palitra.models.patch_autoencoder import PatchAutoencoder, PatchAutoencoderConfig
from palitra.models.weights import NetworkWeights, build_network, find_weights, read_json, shown

# names of the middle attention before diffusers 0.14; the published SD 1.x files still carry them
_OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


class Autoencoder(Protocol):
    """A picture's code. Images are in [-1, 1]; latents are scaled to about unit deviation."""

    @property
    def factor(self) -> int:
        """Pixels per latent cell; heights and widths must be multiples of it."""
        ...

    @property
    def channels(self) -> int:
        """Channels of a latent."""
        ...

    def encode(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to float32 latents (B, C, H/f, W/f), without randomness."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, C, h, w) to float32 images (B, 3, h*f, w*f), about [-1, 1], not clamped."""
        ...


class KLAutoencoder:
    """diffusers' `AutoencoderKL` with its scale (latent diffusion, arXiv 2112.10752, section 3.1).

    `encode` gives the mode of the posterior, times `scaling_factor` (0.18215 in SD 1.x and 2.x); the
    pipelines of diffusers draw a sample of it instead. Published SD autoencoders overflow in float16,
    which paints pictures black: in float16 the network is therefore kept in float32, unless its
    config says `force_upcast: false`. Frozen; gradients to the input pass through.
    """

    def __init__(self, vae: Any, dtype: torch.dtype = torch.float32) -> None:
        upcast = dtype == torch.float16 and getattr(vae.config, "force_upcast", True)
        self.dtype = torch.float32 if upcast else dtype
        self.vae = (vae if vae.dtype == self.dtype else vae.to(self.dtype)).eval().requires_grad_(False)
        self.scale = float(vae.config.scaling_factor)
        self.shift = float(getattr(vae.config, "shift_factor", None) or 0.0)

    @property
    def factor(self) -> int:
        """Pixels per latent cell."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def channels(self) -> int:
        """Channels of a latent."""
        return int(self.vae.config.latent_channels)

    def encode(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1] to scaled latents (B, C, H/f, W/f)."""
        posterior = self.vae.encode(images.to(self.vae.device, self.dtype)).latent_dist
        return (posterior.mode().float() - self.shift) * self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled latents (B, C, h, w) to images (B, 3, h*f, w*f)."""
        z = latents.float() / self.scale + self.shift
        return self.vae.decode(z.to(self.vae.device, self.dtype), return_dict=False)[0].float()


def load_kl_autoencoder(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[KLAutoencoder, NetworkWeights]:
    """Read a diffusers `vae/` folder.

    Raises:
        WeightsError: the folder holds no `AutoencoderKL` in safetensors.
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    config = read_json(folder / "config.json")
    if config.get("_class_name", "AutoencoderKL") != "AutoencoderKL":
        got = config["_class_name"]
        raise WeightsError(f"`{shown(folder / 'config.json')}` must describe an AutoencoderKL, got {got}")
    weights = find_weights(folder, "diffusion_pytorch_model")
    settings = {k: v for k, v in config.items() if not k.startswith("_")}
    if dtype == torch.float16 and config.get("force_upcast", True):
        dtype = torch.float32  # as KLAutoencoder will have it
    vae = build_network(lambda: AutoencoderKL.from_config(settings), weights, device, dtype, _new_name)
    return KLAutoencoder(vae, dtype), weights


def _new_name(name: str) -> str:
    head, _, last = name.rpartition(".")
    parent, _, part = head.rpartition(".")
    if ".attentions." in name and part in _OLD_NAMES:
        return f"{parent}.{_OLD_NAMES[part]}.{last}"
    return name


def load_patch_autoencoder(
    folder: Path, device: torch.device | str = "cpu"
) -> tuple[PatchAutoencoder, NetworkWeights]:
    """Read our linear patch code: config.json and model.safetensors. It always works in float32.

    Raises:
        WeightsError: the folder holds something else.
    """
    config = read_json(folder / "config.json")
    try:
        settings = PatchAutoencoderConfig(int(config["factor"]), int(config["latent_channels"]))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"`{shown(folder / 'config.json')}` must give the numbers factor and latent_channels"
        ) from error
    weights = find_weights(folder, "model")
    return build_network(lambda: PatchAutoencoder(settings), weights, device, torch.float32), weights
