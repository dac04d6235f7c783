"""Everything mini needs before its first step: tokenizer, autoencoder, packed latents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from palitra.models.autoencoder import load_patch_autoencoder
from palitra.models.clip_text import load_tokenizer, save_tokenizer
from palitra.models.patch_autoencoder import PatchAutoencoder, PatchAutoencoderConfig
from palitra.train.captioned import read_captioned, sampling_weights
from palitra.train.config import MiniConfig
from palitra.train.pack import Pack, encode_set
from palitra.train.tokenizer import train_tokenizer


@dataclass(frozen=True, eq=False)
class Prepared:
    """Packed latents, weights (N,) to draw them by, token ids (T, 77) of every text, and what made them."""

    pack: Pack
    weights: Tensor
    tokens: Tensor
    tokenizer: Any
    autoencoder: PatchAutoencoder


def prepare_mini(
    folder: Path, config: MiniConfig, data: Path | None, begin_with: Path | None = None
) -> Prepared:
    """Load what `folder` holds; make from the images in `data` what it does not hold yet.

    `begin_with` is a trained mini whose autoencoder and tokenizer are kept, so that its weights fit.

    Makes `folder/autoencoder.safetensors`, `folder/pack.safetensors` and `folder/tokenizer/`; a
    machine that is given this folder needs no images.
    """
    from transformers import CLIPTokenizer

    autoencoder = PatchAutoencoder(PatchAutoencoderConfig(config.factor, config.latent_channels))
    code, packed = folder / "autoencoder.safetensors", folder / "pack.safetensors"
    if not packed.exists():
        _make(folder, config, data, autoencoder, begin_with)
    autoencoder.load_state_dict(load_file(code))
    pack = Pack.load(packed)
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    tokens = tokenizer(list(pack.texts), padding="max_length", truncation=True, return_tensors="pt").input_ids
    weights = sampling_weights(pack.concepts, config.balance)
    return Prepared(pack, weights, tokens, tokenizer, autoencoder.eval().requires_grad_(False))


def _make(
    folder: Path,
    config: MiniConfig,
    data: Path | None,
    autoencoder: PatchAutoencoder,
    begin_with: Path | None,
) -> None:
    from palitra.data.datasets import data_root

    images = read_captioned(data or data_root(), "train", config.size)
    folder.mkdir(parents=True, exist_ok=True)
    pick = torch.randperm(len(images.images), generator=torch.Generator().manual_seed(config.seed))[:4000]
    if begin_with:
        autoencoder.load_state_dict(load_patch_autoencoder(begin_with / "autoencoder")[0].state_dict())
    else:
        autoencoder.fit(images.images[pick].float() / 127.5 - 1)
    save_file(autoencoder.state_dict(), folder / "autoencoder.safetensors")
    pack = encode_set(images, autoencoder)
    if begin_with:
        save_tokenizer(folder / "tokenizer", load_tokenizer(begin_with / "tokenizer"))
    else:
        train_tokenizer(pack.texts, folder / "tokenizer", config.vocab_size)
    pack.save(folder / "pack.safetensors")
