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

from palitra.models.autoencoder import Autoencoder
from palitra.train.captioned import CONCEPTS, SMALL_SIDE, CaptionedSet, phrasings


@dataclass(frozen=True, eq=False)
class Pack:
    """Latents (N, 2, C, h, w) bf16 (as seen, mirrored); concepts (N,); phrasings (N, P), rows of `texts`.

    `small` (N,) tells which pictures are enlarged from 32 px, None: none.
    """

    latents: Tensor
    phrasings: Tensor
    concepts: Tensor
    texts: tuple[str, ...]
    small: Tensor | None = None

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        tensors = {"latents": self.latents, "phrasings": self.phrasings, "concepts": self.concepts}
        if self.small is not None:
            tensors["small"] = self.small
        save_file(tensors, part, metadata={"texts": json.dumps(self.texts)})
        os.replace(part, path)

    def variances(self, weights: Tensor) -> tuple[float, ...]:
        """Mean square of each latent channel, to four digits; `weights` (N,) say how often each is drawn."""
        total = torch.zeros(self.latents.shape[2], dtype=torch.float64)
        share = (weights.double() / weights.double().sum()).split(1024)
        for chunk, part in zip(self.latents.split(1024), share, strict=True):
            total += part @ chunk.double().square().mean((1, 3, 4))
        return tuple(float(f"{v:.4g}") for v in total.tolist())

    @classmethod
    def load(cls, path: Path) -> Pack:
        """Read what `save` wrote."""
        with safe_open(path, "pt") as file:
            texts = tuple(json.loads(file.metadata()["texts"]))
            latents, phrasings, concepts = (file.get_tensor(k) for k in ("latents", "phrasings", "concepts"))
            small = file.get_tensor("small") if "small" in file.keys() else None  # noqa: SIM118 - no mapping
        return cls(latents, phrasings, concepts, texts, small)


@torch.no_grad()
def encode_set(images: CaptionedSet, autoencoder: Autoencoder, detail: str = "breed") -> Pack:
    """Encode every image and its mirror image; texts[0] is the empty prompt.

    `detail` is how much the words tell, see `phrasings`. Packs of one set have the same texts at all sizes.
    """
    latents = []
    for chunk in images.images.split(256):
        x = chunk.float() / 127.5 - 1
        pair = torch.stack([autoencoder.encode(x), autoencoder.encode(x.flip(-1))], 1)
        latents.append(pair.bfloat16())
    told = _told(images, detail, enlarged=images.images.shape[-1] > SMALL_SIDE)
    known = [*told, *_told(images, detail, enlarged=True), *_told(images, detail, enlarged=False)]
    texts = ("", *sorted({text for row in known for text in row}))
    index = {text: i for i, text in enumerate(texts)}
    return Pack(
        torch.cat(latents),
        torch.tensor([[index[text] for text in row] for row in told]),
        images.concepts,
        texts,
        images.small,
    )


def _told(images: CaptionedSet, detail: str, enlarged: bool) -> list[tuple[str, ...]]:
    """The phrasings of every picture; at their own size 32 px pictures are as good as others."""
    small = [False] * len(images.captions) if images.small is None else images.small.tolist()
    return [
        phrasings(caption, CONCEPTS[concept], detail, enlarged and tiny)
        for caption, concept, tiny in zip(images.captions, images.concepts.tolist(), small, strict=True)
    ]
