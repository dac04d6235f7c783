"""Everything mini needs before its first step: tokenizer, autoencoder, packed latents of every size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from palitra.errors import InputError
from palitra.models.autoencoder import Autoencoder
from palitra.models.clip_text import load_tokenizer, save_tokenizer
from palitra.train.captioned import CaptionedSet, read_captioned, read_small, sampling_weights
from palitra.train.config import MiniConfig
from palitra.train.mini_alignment import FILE as ALIGNMENT
from palitra.train.mini_alignment import load_targets, make_targets
from palitra.train.mini_code import load_code, make_code
from palitra.train.pack import Pack, encode_set
from palitra.train.tokenizer import train_tokenizer


@dataclass(frozen=True, eq=False)
class Prepared:
    """Packed latents, weights (N,) to draw them by, token ids (T, L) of every text, and what made them.

    `smaller` are the packs of the stages by their size, with the same rows and texts. `targets`
    (N, 2, K, g, g) are what eye sees in the clean pictures, for alignment.
    """

    pack: Pack
    weights: Tensor
    tokens: Tensor
    tokenizer: Any
    autoencoder: Autoencoder
    smaller: Mapping[int, Pack] = field(default_factory=dict)
    targets: Tensor | None = None

    def pack_of(self, size: int) -> Pack:
        """The pack of a stage; the full one for any other size."""
        return self.smaller.get(size, self.pack)


def prepare_mini(
    folder: Path, config: MiniConfig, data: Path | None, begin_with: Path | None = None
) -> Prepared:
    """Load what `folder` holds; make from the images in `data` what it does not hold yet.

    `begin_with` is a trained mini whose autoencoder and tokenizer are kept, so that its weights fit.

    Makes `folder/autoencoder.safetensors` (or `folder/vae/`), `folder/pack.safetensors`, `pack-
    SIZE.safetensors` of every stage, `alignment.safetensors` where inner features are aligned, and
    `folder/tokenizer/`; a machine that is given this folder needs no images.

    Raises:
        InputError: the images are missing, or the folder holds packs of another choice of pictures.
    """
    from transformers import CLIPTokenizer

    _make_missing(folder, config, data, begin_with)
    pack = Pack.load(folder / "pack.safetensors")
    if (pack.small is not None) != (config.small_share > 0):
        raise InputError(
            f"`small_share` must be {'above 0' if pack.small is not None else '0'} with the pack in `run`, "
            f"got {config.small_share:g}: remove the folder to make it anew"
        )
    smaller = {size: Pack.load(_packed(folder, size)) for size in config.stages}
    assert all(other.texts == pack.texts for other in smaller.values()), "packs of one set share their texts"
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    tokens = tokenizer(list(pack.texts), padding="max_length", truncation=True, return_tensors="pt").input_ids
    weights = sampling_weights(pack.concepts, config.balance, pack.small, config.small_share)
    targets = load_targets(folder / ALIGNMENT) if config.align else None
    return Prepared(pack, weights, tokens, tokenizer, load_code(folder, config), smaller, targets)


def _packed(folder: Path, size: int) -> Path:
    return folder / f"pack-{size}.safetensors"


def _make_missing(folder: Path, config: MiniConfig, data: Path | None, begin_with: Path | None) -> None:
    whole = folder / "pack.safetensors"
    fresh = not whole.exists()
    small = [size for size in config.stages if not _packed(folder, size).exists()]
    aligned = bool(config.align) and not (folder / ALIGNMENT).exists()
    if fresh or aligned:
        images = _read(config, data, config.size)
        folder.mkdir(parents=True, exist_ok=True)
        if fresh:
            _make_pack(folder, config, images, begin_with)
        if aligned:
            make_targets(folder / ALIGNMENT, images.images)
    for size in small:
        pack = encode_set(_read(config, data, size), load_code(folder, config), config.captions)
        pack.save(_packed(folder, size))


def _make_pack(folder: Path, config: MiniConfig, images: CaptionedSet, begin_with: Path | None) -> None:
    make_code(folder, config, images, begin_with)
    pack = encode_set(images, load_code(folder, config), config.captions)
    if begin_with:
        save_tokenizer(folder / "tokenizer", load_tokenizer(begin_with / "tokenizer"))
    else:
        train_tokenizer(pack.texts, folder / "tokenizer", config.vocab_size, config.text_length)
    # last, since it says that the others are there
    pack.save(folder / "pack.safetensors")


def _read(config: MiniConfig, data: Path | None, size: int) -> CaptionedSet:
    from palitra.data.datasets import data_root

    root = data or data_root()
    images = read_captioned(root, "train", size)
    return images.joined(read_small(root, "train", size)) if config.small_share else images
