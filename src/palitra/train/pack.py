"""Latents of a whole captioned set, both ways round, encoded once and kept in one file.

The file travels alone to a machine without the images: `palitra train mini --pack FILE`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from palitra.models.patch_autoencoder import PatchAutoencoder
from palitra.train.captioned import CONCEPTS, CaptionedSet, phrasings


@dataclass(frozen=True, eq=False)
class Pack:
    """Latents (N, 2, C, h, w) bf16 (as seen, mirrored); concepts (N,); phrasings (N, P), rows of `texts`."""

    latents: Tensor
    phrasings: Tensor
    concepts: Tensor
    texts: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        save_file(
            {"latents": self.latents, "phrasings": self.phrasings, "concepts": self.concepts},
            part,
            metadata={"texts": json.dumps(self.texts)},
        )
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path) -> Pack:
        """Read what `save` wrote."""
        with safe_open(path, "pt") as file:
            texts = tuple(json.loads(file.metadata()["texts"]))
            latents, phrasings, concepts = (file.get_tensor(k) for k in ("latents", "phrasings", "concepts"))
        return cls(latents, phrasings, concepts, texts)


@torch.no_grad()
def encode_set(images: CaptionedSet, autoencoder: PatchAutoencoder) -> Pack:
    """Encode every image and its mirror image; texts[0] is the empty prompt."""
    latents = []
    for chunk in images.images.split(256):
        x = chunk.float() / 127.5 - 1
        pair = torch.stack([autoencoder.encode(x), autoencoder.encode(x.flip(-1))], 1)
        latents.append(pair.bfloat16())
    rows = [
        phrasings(caption, CONCEPTS[concept])
        for caption, concept in zip(images.captions, images.concepts.tolist(), strict=True)
    ]
    texts = ("", *sorted({text for row in rows for text in row}))
    index = {text: i for i, text in enumerate(texts)}
    return Pack(
        torch.cat(latents),
        torch.tensor([[index[text] for text in row] for row in rows]),
        images.concepts,
        texts,
    )
