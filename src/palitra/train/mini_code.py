"""The autoencoder of a mini in training: our patch code, fitted here, or an `AutoencoderKL` from a folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from palitra.errors import InputError
from palitra.models.autoencoder import (
    Autoencoder,
    load_kl_autoencoder,
    load_patch_autoencoder,
)
from palitra.models.patch_autoencoder import PatchAutoencoder, PatchAutoencoderConfig
from palitra.models.text_to_image import save_kl_autoencoder
from palitra.train.captioned import CaptionedSet
from palitra.train.config import MiniConfig

PATCH, KL = "autoencoder.safetensors", "vae"
FITTED_ON = 4000


def make_code(folder: Path, config: MiniConfig, images: CaptionedSet, begin_with: Path | None) -> None:
    """Write the code of a run: that of the model `begin_with`, the config's `vae`, or one fitted to `images`.

    Raises:
        InputError: the KL autoencoder has another factor or other channels than the config.
    """
    if config.vae:
        code, _ = load_kl_autoencoder(Path(config.vae))
        for name, own in (("factor", code.factor), ("latent_channels", code.channels)):
            if getattr(config, name) != own:
                raise InputError(f"`{name}` must be that of `vae` ({own}), got {getattr(config, name)}")
        save_kl_autoencoder(folder / KL, code)
        return
    patch = PatchAutoencoder(PatchAutoencoderConfig(config.factor, config.latent_channels))
    if begin_with:
        patch.load_state_dict(load_patch_autoencoder(begin_with / "autoencoder")[0].state_dict())
    else:
        order = torch.randperm(len(images.images), generator=torch.Generator().manual_seed(config.seed))
        patch.fit(images.images[order[:FITTED_ON]].float() / 127.5 - 1)
    save_file(patch.state_dict(), folder / PATCH)


def load_code(folder: Path, config: MiniConfig) -> Autoencoder:
    """The frozen code of a run."""
    if config.vae:
        return load_kl_autoencoder(folder / KL)[0]
    patch = PatchAutoencoder(PatchAutoencoderConfig(config.factor, config.latent_channels))
    patch.load_state_dict(load_file(folder / PATCH))
    return patch.eval().requires_grad_(False)
