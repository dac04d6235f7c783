"""Each image is read and decoded once for all extractors and resize protocols."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from palitra.data.image_sets import ImageSet, LabelledImage
from palitra.errors import InputError
from palitra.metrics.extract_shard import ExtractorSource, Seen, extract_shard
from palitra.metrics.extractor import Extractor
from palitra.metrics.reference import Features, load_features, reference_key, save_features
from palitra.metrics.resize import resize
from palitra.scale.shards import Spread

Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """Who works out the batches, and how a machine gets each extractor, by its name."""

    spread: Spread
    sources: Mapping[str, ExtractorSource]


@dataclass
class _Read:
    """What is known of the images read so far: their labels, -1 for none, and hashes of their pixels."""

    labels: list[int] = field(default_factory=list)
    prints: list[bytes] = field(default_factory=list)

    def batches(self, images: ImageSet, limit: int | None, size: int) -> Iterator[np.ndarray]:
        """Bytes (B, 3, H, W) of neighbours of one size."""
        for group in _batches(images.images(limit), size):
            self.labels += [-1 if i.label is None else i.label for i in group]
            self.prints += [_print(i.pixels) for i in group]
            yield np.stack([i.pixels.numpy() for i in group])


@dataclass
class _Rows:
    features: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)

    def add(self, features: np.ndarray, logits: np.ndarray | None) -> None:
        # a copy, since what comes from a cluster cannot be written to
        self.features.append(torch.from_numpy(np.array(features)))
        if logits is not None:
            self.logits.append(torch.from_numpy(np.array(logits)))

    def features_of(self, read: _Read, skipped: tuple[str, ...]) -> Features:
        marks = torch.frombuffer(bytearray(b"".join(read.prints)), dtype=torch.uint8).view(-1, 32)
        logits = torch.cat(self.logits) if self.logits else None
        return Features(torch.cat(self.features), torch.tensor(read.labels), marks, logits, skipped)


def extract(
    images: ImageSet,
    extractors: Sequence[Extractor],
    resizes: Sequence[str],
    *,
    limit: int | None = None,
    batch: int = 64,
    cache: Path | None = None,
    tick: Callable[[int], None] = lambda count: None,
    elsewhere: Elsewhere | None = None,
) -> dict[Pair, Features]:
    """Features by (extractor, resize); what `cache` holds already is not worked out again.

    Args:
        images: the set.
        extractors: networks with different names.
        resizes: protocols of `palitra.metrics.resize`.
        limit: at most so many images, evenly spread over the set.
        batch: images per call of a network.
        cache: a folder for features, or None for none.
        tick: told the number of images done since the last call.
        elsewhere: works out the batches; the images are read here. Features are the same bit for bit on
            machines of one kind.

    Raises:
        InputError: no readable image.
        ImageError: more than 1 % unreadable.
    """
    found: dict[Pair, Features] = {}
    content = images.content_hash() if cache else ""
    keys = {(e.name, r): (e, reference_key(content, e, r, limit)) for e in extractors for r in resizes}
    for pair, (_, key) in keys.items():
        held = load_features(cache, key) if cache else None
        if held is not None:
            found[pair] = held
    wanted = [pair for pair in keys if pair not in found]
    if not wanted:
        tick(min(len(images), limit or len(images)))
        return found
    read = _Read()
    batches = read.batches(images, limit, batch)
    if elsewhere is not None:
        made = elsewhere.spread.run(extract_shard, batches, [(elsewhere.sources[n], r) for n, r in wanted])
    else:
        made = (_seen(pixels, [(keys[pair][0], pair[1]) for pair in wanted]) for pixels in batches)
    rows = {pair: _Rows() for pair in wanted}
    for seen in made:
        for pair, (features, logits) in zip(wanted, seen, strict=True):
            rows[pair].add(features, logits)
        tick(len(seen[0][0]))
    if not read.labels:
        raise InputError(f"`{images.path.name}` must have at least 1 readable image, got 0")
    for pair in wanted:
        found[pair] = rows[pair].features_of(read, tuple(images.skipped))
        if cache:
            save_features(cache, keys[pair][1], found[pair])
    return found


def _seen(pixels: np.ndarray, pairs: Sequence[tuple[Extractor, str]]) -> list[Seen]:
    """A batch by networks that are at hand."""
    images = torch.from_numpy(pixels)
    found: list[Seen] = []
    for extractor, protocol in pairs:
        seen = extractor(resize(images, extractor.size, protocol))
        found.append((seen.features.numpy(), None if seen.logits is None else seen.logits.numpy()))
    return found


def _print(pixels: Tensor) -> bytes:
    return hashlib.sha256(pixels.numpy().tobytes() + repr(pixels.shape).encode()).digest()


def _batches(images: Iterator[LabelledImage], size: int) -> Iterator[list[LabelledImage]]:
    """Runs of neighbours of one size, at most `size` long; the order stays."""
    for _, same in groupby(images, key=lambda i: i.pixels.shape):
        while group := list(islice(same, size)):
            yield group
