"""The captioned photo set of mini: faces-video, pets, photos and paintings of pacs, and perhaps cifar10."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from palitra.data.check_shards import Shard, check_shards
from palitra.data.datasets import decode_rgb, read_rows

CONCEPTS = ("person", "cat", "dog", "horse", "elephant", "giraffe", "guitar", "house")
SMALL_SIDE = 32
ENLARGED = "low resolution"


@dataclass(frozen=True, eq=False)
class CaptionedSet:
    """Images (N, 3, S, S) uint8, one caption and one concept index each.

    `small` (N,) tells which were 32 px and are enlarged; None: none.
    """

    images: Tensor
    captions: tuple[str, ...]
    concepts: Tensor
    small: Tensor | None = None

    def joined(self, other: CaptionedSet) -> CaptionedSet:
        """This set, then the other."""
        flags = [
            torch.zeros(len(s.concepts), dtype=torch.bool) if s.small is None else s.small
            for s in (self, other)
        ]
        return CaptionedSet(
            torch.cat([self.images, other.images]),
            self.captions + other.captions,
            torch.cat([self.concepts, other.concepts]),
            torch.cat(flags),
        )


def sampling_weights(
    concepts: Tensor, power: float, small: Tensor | None = None, small_share: float = 0.0
) -> Tensor:
    """Weight per image (N,) that makes a concept's share proportional to count**power: 0 is equal shares.

    `small` (N,) images do not count and take `small_share` of the share of a concept that has such.
    """
    if small is None:
        counts = Counter(concepts.tolist())
        return torch.tensor([counts[c] ** (power - 1) for c in concepts.tolist()], dtype=torch.float64)
    weights = torch.zeros(len(concepts), dtype=torch.float64)
    for concept in concepts.unique():
        large, tiny = (concepts == concept) & ~small, (concepts == concept) & small
        share = small_share if tiny.any() else 0.0
        n = max(1, int(large.sum()))
        weights[large] = (1 - share) * n ** (power - 1)
        weights[tiny] = share * n**power / max(1, int(tiny.sum()))
    return weights


def captioned_shards(split: str, small: bool = False) -> tuple[Shard, ...]:
    """What `read_captioned` reads, and with `small` what `read_small` reads."""
    wanted = {
        "faces-video": ("image", "caption"),
        "pets": ("image", "caption", "label"),
        "pacs": ("image", "caption", "label", "domain"),
    }
    if small:
        wanted["cifar10"] = ("image", "caption", "label")
    return tuple(Shard(f"{name}/{split}.parquet", columns) for name, columns in wanted.items())


def read_captioned(root: Path, split: str, size: int) -> CaptionedSet:
    """Read one split at `size` pixels; about 20 s and 160 MB for the whole training split at 64 px.

    Raises:
        InputError: shards are missing or broken; all are named before anything is decoded.
    """
    check_shards(root, captioned_shards(split))
    images, captions, concepts = [], [], []
    for cell, caption, concept in _rows(root, split):
        images.append(decode_rgb(cell, size))
        captions.append(caption)
        concepts.append(CONCEPTS.index(concept))
    return CaptionedSet(torch.stack(images), tuple(captions), torch.tensor(concepts))


def read_small(root: Path, split: str, size: int) -> CaptionedSet:
    """The cats, dogs and horses of cifar10, 32 px, enlarged to `size`; about 15 s for the training split."""
    images, captions, concepts = [], [], []
    for row in read_rows(root / "cifar10" / f"{split}.parquet", ["image", "caption", "label"]):
        if row["label"] in CONCEPTS:
            images.append(decode_rgb(row["image"], size))
            captions.append(row["caption"])
            concepts.append(CONCEPTS.index(row["label"]))
    return CaptionedSet(
        torch.stack(images),
        tuple(captions),
        torch.tensor(concepts),
        torch.ones(len(images), dtype=torch.bool),
    )


def _rows(root: Path, split: str) -> Iterator[tuple[dict[str, bytes], str, str]]:
    for row in read_rows(root / "faces-video" / f"{split}.parquet", ["image", "caption"]):
        yield row["image"], row["caption"], "person"
    for row in read_rows(root / "pets" / f"{split}.parquet", ["image", "caption", "label"]):
        yield row["image"], row["caption"], row["label"]
    for row in read_rows(root / "pacs" / f"{split}.parquet", ["image", "caption", "label", "domain"]):
        if row["domain"] in ("photo", "painting"):
            yield row["image"], row["caption"], row["label"]


def phrasings(caption: str, concept: str, detail: str = "breed", enlarged: bool = False) -> tuple[str, ...]:
    """The ways a person may ask for the same picture; the first is the caption itself.

    `detail` class keeps the class alone (a painting is then called a photo too), domain tells paintings from
    photos, breed keeps the caption as it is. Enlarged pictures say so in words: the condition on the
    original size of SDXL (Podell et al. 2023) without a change of the network, and one that a negative
    prompt can name.
    """
    ways = _ways(_reduced(caption, concept, detail), concept)
    return tuple(f"{way}, {ENLARGED}" for way in ways) if enlarged else ways


def _reduced(caption: str, concept: str, detail: str) -> str:
    if detail == "breed":
        return caption
    kind = "painting" if detail == "domain" and caption.startswith("a painting") else "photo"
    return f"a {kind} of {'an' if concept == 'elephant' else 'a'} {concept}"


def _ways(caption: str, concept: str) -> tuple[str, ...]:
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
