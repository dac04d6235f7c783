"""eye, the embedded picture encoder: features, classes, captions, identities, all offline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.errors import InputError, WeightsError
from palitra.models.clip_text import load_text_encoder, load_tokenizer, save_tokenizer, text_config
from palitra.models.eye_network import EyeNetwork, EyeShape, Seen, fit
from palitra.models.weights import build_network, find_weights, read_json, save_weights, shown
from palitra.models.zoo import EMBEDDED

FOLDER = EMBEDDED / "eye"


@dataclass(frozen=True, eq=False)
class Eye:
    """The network with its text tower and tokenizer."""

    network: EyeNetwork
    text: Any
    tokenizer: Any

    @property
    def shape(self) -> EyeShape:
        """Sizes and the names of concepts, domains and breeds."""
        return self.network.shape

    @torch.no_grad()
    def see(self, images: Tensor) -> Seen:
        """Features and heads of pictures (B, 3, H, W) in [0, 255] of any size; see `fit`.

        Raises:
            ImageError: not three channels.
        """
        return self.network(fit(images.to(self.network.caption_scale.device), self.shape.size))

    @torch.no_grad()
    def read(self, texts: Sequence[str]) -> Tensor:
        """Texts as unit vectors (T, 128) in the space of `Seen.caption`.

        Raises:
            InputError: no text.
        """
        if not texts:
            raise InputError("`texts` must hold at least one text, got none")
        tokens = encode_texts(self.tokenizer, texts).to(self.network.caption_scale.device)
        return F.normalize(self.network.words(self.text(tokens).pooler_output.float()), dim=1)

    @torch.no_grad()
    def suggest(self, images: Tensor, phrases: Sequence[str]) -> Tensor:
        """Probabilities (B, T) that a phrase and not one of the others says what a picture shows.

        The phrases may be labels ("horse") or whole captions ("a sketch of a horse").

        Raises:
            InputError: no phrase.
            ImageError: not three channels.
        """
        words = self.read(phrases)
        return (self.network.caption_scale.exp() * self.see(images).caption @ words.T).softmax(1)


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Token ids (T, L), cut and padded to the longest; what follows a text's end does not change it."""
    return tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").input_ids


def load_eye(folder: Path | None = None, device: torch.device | str = "cpu") -> Eye:
    """The embedded eye, or one from a folder that `save_eye` wrote; float32, frozen.

    Raises:
        ModelNotFoundError: a file is missing.
        WeightsError: the files are damaged, pickled or of another layout.
    """
    folder = folder or FOLDER
    try:
        shape = EyeShape.from_dict(read_json(folder / "config.json"))
    except TypeError as error:
        raise WeightsError(f"`{shown(folder / 'config.json')}` must be the config of an eye") from error
    weights = find_weights(folder, "model")
    network = build_network(lambda: EyeNetwork(shape), weights, device, torch.float32)
    text = load_text_encoder(folder / "text_encoder", device)[0]
    if text.config.hidden_size != shape.text_width:
        raise WeightsError(
            f"`text_width` must be the width of the text tower {text.config.hidden_size}, "
            f"got {shape.text_width}"
        )
    return Eye(network, text, load_tokenizer(folder / "tokenizer"))


def save_eye(folder: Path, eye: Eye) -> None:
    """Write network and text tower in bf16, their configs and the tokenizer.

    Raises:
        DiskError: the files cannot be written.
    """
    parts = {"": (eye.network, eye.shape.to_dict()), "text_encoder": (eye.text, text_config(eye.text))}
    for name, (network, config) in parts.items():
        tensors = {k: v.to(torch.bfloat16) for k, v in network.state_dict().items()}
        save_weights(folder / name, "model", tensors)
        content = json.dumps(config, indent=2, ensure_ascii=False)
        (folder / name / "config.json").write_text(content + "\n", encoding="utf-8")
    save_tokenizer(folder / "tokenizer", eye.tokenizer)
