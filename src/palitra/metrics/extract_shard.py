"""Features of one batch of images, wherever it is worked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from palitra.metrics.extractor import Extractor
from palitra.metrics.resize import resize

Seen = tuple[np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class ExtractorSource:
    """How a machine gets an extractor: its name, and the path of its weights if not the usual one.

    threads: of the asking process, for sums are rounded by how they are split among threads.
    """

    name: str
    weights: Path | None
    device: str
    threads: int


def extract_shard(pixels: np.ndarray, pairs: Sequence[tuple[ExtractorSource, str]]) -> list[Seen]:
    """Features (B, D) and logits of bytes (B, 3, H, W) by each pair of extractor and resize protocol."""
    images = torch.from_numpy(np.array(pixels))
    found: list[Seen] = []
    for source, protocol in pairs:
        torch.set_num_threads(source.threads)
        extractor = _extractor(source)
        seen = extractor(resize(images, extractor.size, protocol))
        logits = None if seen.logits is None else np.asarray(seen.logits.numpy())
        found.append((np.asarray(seen.features.numpy()), logits))
    return found


@lru_cache(maxsize=4)
def _extractor(source: ExtractorSource) -> Extractor:
    from palitra.metrics.extractors import load_extractor

    return load_extractor(source.name, source.weights, source.device)
