"""Generated rows up to a target: drawn in rounds, sieved, kept with the seed of every picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from palitra.balancing.sieve import REASONS
from palitra.zoo.batches import mixed
from palitra.zoo.run_folder import metadata_of, write_tensors

MOST_DRAWS = 5
ROUND = 1.25


class Draws(Protocol):
    """Draws uint8 pictures (count, C, H, W) of a class, seeds from `seed` on."""

    def draw(self, label: int, count: int, seed: int) -> Tensor:
        """The pictures."""
        ...


class Judges(Protocol):
    """Says why a picture must go; 0 stays."""

    def reasons(self, images: Tensor, label: int) -> Tensor:
        """Index into `REASONS` (N,)."""
        ...


@dataclass(frozen=True, eq=False)
class Synthetic:
    """images uint8 (N, C, H, W), labels (N,), seeds (N,); tally: what became of the draws of a class."""

    images: Tensor
    labels: Tensor
    seeds: Tensor
    tally: Mapping[int, Mapping[str, int]]

    def save(self, path: Path) -> None:
        """Write whole or not at all."""
        tensors = {"images": self.images, "labels": self.labels, "seeds": self.seeds}
        write_tensors(path, tensors, {"tally": json.dumps({str(k): dict(v) for k, v in self.tally.items()})})

    @classmethod
    def load(cls, path: Path) -> Synthetic | None:
        """What `save` wrote; None if it is not there or damaged."""
        if not path.is_file():
            return None
        try:
            found = load_file(path)
            tally = {int(k): dict(v) for k, v in json.loads(metadata_of(path)["tally"]).items()}
            return cls(found["images"], found["labels"], found["seeds"], tally)
        except (SafetensorError, KeyError, ValueError):
            return None


def fill(
    generator: Draws,
    sieve: Judges | None,
    missing: Sequence[int],
    shape: tuple[int, int, int],
    seed: int,
    tick: Callable[[int], None] = lambda pictures: None,
) -> Synthetic:
    """Up to `missing[k]` pictures of class k.

    At most five times as many are drawn; a class whose pictures the sieve holds back stays short, and the
    tally says so.
    """
    images, labels, seeds = [torch.zeros(0, *shape, dtype=torch.uint8)], [], []
    tally: dict[int, dict[str, int]] = {}
    for label, wanted in enumerate(missing):
        if wanted <= 0:
            continue
        count = dict.fromkeys(("wanted", "drawn", *REASONS), 0) | {"wanted": wanted}
        first, most = mixed(seed, label, 11) % 2**40, MOST_DRAWS * wanted
        while count["kept"] < wanted and count["drawn"] < most:
            room = wanted - count["kept"]
            n = min(max(8, round(ROUND * room)) if sieve else room, most - count["drawn"])
            at = first + count["drawn"]
            drawn = generator.draw(label, n, at)
            why = sieve.reasons(drawn, label) if sieve else torch.zeros(n, dtype=torch.int64)
            rows = (why == 0).nonzero()[:room, 0]
            count["drawn"] += n
            for i, reason in enumerate(REASONS[1:], 1):
                count[reason] += int((why == i).sum())
            count["kept"] += len(rows)
            images.append(drawn[rows])
            labels.append(torch.full((len(rows),), label))
            seeds.append(rows + at)
            tick(len(rows))
        tally[label] = count
    none = torch.zeros(0, dtype=torch.int64)
    return Synthetic(torch.cat(images), torch.cat([none, *labels]), torch.cat([none, *seeds]), tally)
