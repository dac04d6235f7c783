"""The captioned photo set of mini: faces-video, pets and the photos and paintings of pacs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from palitra.data.datasets import decode_rgb, read_rows

CONCEPTS = ("person", "cat", "dog", "horse", "elephant", "giraffe", "guitar", "house")


@dataclass(frozen=True, eq=False)
class CaptionedSet:
    """Images (N, 3, S, S) uint8, one caption and one concept index each."""

    images: Tensor
    captions: tuple[str, ...]
    concepts: Tensor


def sampling_weights(concepts: Tensor, power: float) -> Tensor:
    """Weight per image (N,) that makes a concept's share proportional to count**power: 0 is equal shares."""
    counts = Counter(concepts.tolist())
    return torch.tensor([counts[c] ** (power - 1) for c in concepts.tolist()], dtype=torch.float64)


def read_captioned(root: Path, split: str, size: int) -> CaptionedSet:
    """Read one split at `size` pixels; about 20 s and 160 MB for the whole training split at 64 px."""
    images, captions, concepts = [], [], []
    for cell, caption, concept in _rows(root, split):
        images.append(decode_rgb(cell, size))
        captions.append(caption)
        concepts.append(CONCEPTS.index(concept))
    return CaptionedSet(torch.stack(images), tuple(captions), torch.tensor(concepts))


def _rows(root: Path, split: str) -> Iterator[tuple[dict[str, bytes], str, str]]:
    for row in read_rows(root / "faces-video" / f"{split}.parquet", ["image", "caption"]):
        yield row["image"], row["caption"], "person"
    for row in read_rows(root / "pets" / f"{split}.parquet", ["image", "caption", "label"]):
        yield row["image"], row["caption"], row["label"]
    for row in read_rows(root / "pacs" / f"{split}.parquet", ["image", "caption", "label", "domain"]):
        if row["domain"] in ("photo", "painting"):
            yield row["image"], row["caption"], row["label"]


def phrasings(caption: str, concept: str) -> tuple[str, ...]:
    """The ways a person may ask for the same picture; the first is the caption itself."""
    kind = "painting" if caption.startswith("a painting") else "photo"
    thing = caption.split(" of ", 1)[-1]
    bare = thing.split(" ", 1)[-1] if thing.startswith(("a ", "an ")) else thing
    article = "an" if concept == "elephant" else "a"
    return (
        caption,
        f"a {kind} of {article} {concept}",
        f"{kind} of {thing}",
        f"{bare} {kind}" if kind == "painting" else bare,
        f"{thing}, {kind}" if kind == "painting" else thing,
    )
