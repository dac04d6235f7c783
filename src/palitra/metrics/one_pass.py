"""Each image is read and decoded once for all extractors and resize protocols."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

import torch
from torch import Tensor

from palitra.data.image_sets import ImageSet, LabelledImage
from palitra.errors import InputError
from palitra.metrics.extractor import Extractor
from palitra.metrics.reference import Features, load_features, reference_key, save_features
from palitra.metrics.resize import resize

Pair = tuple[str, str]


@dataclass
class _Rows:
    features: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)


def extract(
    images: ImageSet,
    extractors: Sequence[Extractor],
    resizes: Sequence[str],
    *,
    limit: int | None = None,
    batch: int = 64,
    cache: Path | None = None,
    tick: Callable[[int], None] = lambda count: None,
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
    rows = {pair: _Rows() for pair in wanted}
    labels: list[int] = []
    prints: list[bytes] = []
    for group in _batches(images.images(limit), batch):
        pixels = torch.stack([i.pixels for i in group])
        labels += [-1 if i.label is None else i.label for i in group]
        prints += [
            hashlib.sha256(i.pixels.numpy().tobytes() + repr(i.pixels.shape).encode()).digest() for i in group
        ]
        for pair in wanted:
            extractor = keys[pair][0]
            seen = extractor(resize(pixels, extractor.size, pair[1]))
            rows[pair].features.append(seen.features)
            if seen.logits is not None:
                rows[pair].logits.append(seen.logits)
        tick(len(group))
    if not labels:
        raise InputError(f"`{images.path.name}` must have at least 1 readable image, got 0")
    marks = torch.frombuffer(bytearray(b"".join(prints)), dtype=torch.uint8).view(-1, 32)
    for pair in wanted:
        logits = torch.cat(rows[pair].logits) if rows[pair].logits else None
        whole = torch.cat(rows[pair].features)
        found[pair] = Features(whole, torch.tensor(labels), marks, logits, tuple(images.skipped))
        if cache:
            save_features(cache, keys[pair][1], found[pair])
    return found


def _batches(images: Iterator[LabelledImage], size: int) -> Iterator[list[LabelledImage]]:
    """Runs of neighbours of one size, at most `size` long; the order stays."""
    for _, same in groupby(images, key=lambda i: i.pixels.shape):
        while group := list(islice(same, size)):
            yield group
