"""Drawing of large sets in shards: the same chunks that one process draws, wherever each is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from palitra.scale.shards import Spread
from palitra.zoo.drawing import CHUNK, check_drawing, check_labels, draw_pictures
from palitra.zoo.families.family import Drawing, Family
from palitra.zoo.run_folder import load_model

Files = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Shard:
    """One chunk: its labels (None without classes), how many pictures, the first one's seed.

    threads: of the asking process, for sums are rounded by how they are split among threads.
    """

    labels: tuple[int, ...] | None
    count: int
    seed: int
    options: Drawing
    device: str
    threads: int


def run_files(folder: Path, which: str) -> Files:
    """What a worker needs of a run; it need not see our disk."""
    names = ("run.json", f"{which}.safetensors", "last.safetensors", "model.safetensors")
    there = [name for name in names if (folder / name).is_file()][:2]
    return tuple((name, (folder / name).read_bytes()) for name in there)


def draw_spread(
    spread: Spread,
    folder: Path,
    which: str,
    model: Family,
    labels: Tensor | None,
    count: int,
    seed: int,
    options: Drawing,
    device: torch.device,
) -> Iterator[Tensor]:
    """As `draw_pictures` of the run's model, bit for bit on machines of one kind.

    Raises:
        InputError, ComposeError: as `draw_pictures`, before anything is spread.
    """
    check_drawing(model, options)
    check_labels(model, labels)
    shards = []
    for start in range(0, count, CHUNK):
        stop = min(count, start + CHUNK)
        some = None if labels is None else tuple(labels[start:stop].tolist())
        plain = replace(options, hooks=None)
        shards.append(Shard(some, stop - start, seed + start, plain, str(device), torch.get_num_threads()))
    for pictures in spread.run(draw_shard, shards, run_files(folder, which)):
        yield torch.from_numpy(np.array(pictures))


def draw_shard(shard: Shard, files: Files) -> np.ndarray:
    """Pictures (B, C, H, W) of one shard."""
    torch.set_num_threads(shard.threads)
    model = _model(files, shard.device)
    labels = None if shard.labels is None else torch.tensor(shard.labels)
    (pictures,) = draw_pictures(model, labels, shard.count, shard.seed, shard.options)
    return np.asarray(pictures.numpy())


@lru_cache(maxsize=1)
def _model(files: Files, device: str) -> Family:
    with TemporaryDirectory() as place:
        for name, data in files:
            (Path(place) / name).write_bytes(data)
        which = "best" if any(name == "best.safetensors" for name, _ in files) else "last"
        return load_model(Path(place), which, device)[0]
