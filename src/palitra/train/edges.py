"""Trains the edge detector: PiDiNet on BSDS500, class-balanced over its five outputs.

Source: Su et al., "Pixel Difference Networks for Efficient Edge Detection" (2108.07009), section 4.
How we differ: square crops of random scale drawn anew for every step in place of a set of rotated
copies, fewer steps with an average of the weights, and no PASCAL pictures.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from palitra.data.check_shards import Shard, check_shards
from palitra.data.datasets import data_root, decode_rgb, read_rows
from palitra.data.edges import normalise
from palitra.errors import InputError, check_range
from palitra.models.pidinet import PiDiNet, PiDiNetConfig
from palitra.models.weights import save_weights
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.ema import EMA
from palitra.train.progress import TrainingBar

DEFAULTS = Path(__file__).with_suffix(".toml")
COLUMNS = ("image", "boundaries", "annotators")
SHARDS = tuple(Shard(f"bsds500/{split}.parquet", COLUMNS) for split in ("train", "val"))


@dataclass(frozen=True)
class EdgesConfig:
    """Settings of `palitra train edges`; `drop_at` are parts of `steps` where the rate falls by `drop_by`.

    A pixel is an edge when more than `positive_above` of the annotators marked it, is ignored when
    fewer did, and is no edge when none did.
    """

    width: int = 30
    head_width: int = 12
    steps: int = 3500
    batch: int = 2
    crop: int = 224
    learning_rate: float = 0.003
    warmup: int = 100
    drop_at: tuple[float, ...] = (0.6, 0.85)
    drop_by: float = 0.2
    weight_decay: float = 0.0001
    positive_above: float = 0.3
    negative_weight: float = 1.1
    scale_low: float = 0.75
    scale_high: float = 1.3
    ema: float = 0.995
    clip_norm: float = 1.0
    seed: int = 0
    bf16: bool = True
    save_every: int = 100

    def __post_init__(self) -> None:
        check_range("crop", self.crop, 16, 320)
        check_range("scale_low", self.scale_low, 0.1, self.scale_high)
        check_range("positive_above", self.positive_above, 0, 1)


@dataclass(frozen=True, eq=False)
class AnnotatedPicture:
    """One picture of BSDS500, uint8.

    `image` (3, H, W); `boundaries` (1, H, W): the share of annotators who marked a pixel, x 255.
    """

    image: Tensor
    boundaries: Tensor
    annotators: int


def read_annotated(root: Path, split: str, limit: int | None = None) -> list[AnnotatedPicture]:
    """Pictures of `bsds500/<split>.parquet`, in file order; 200 of 481 x 321 take 120 MB.

    Raises:
        InputError: the file is missing or has other columns.
    """
    pictures: list[AnnotatedPicture] = []
    for row in read_rows(root / "bsds500" / f"{split}.parquet", COLUMNS):
        if limit is not None and len(pictures) == limit:
            break
        with Image.open(io.BytesIO(row["boundaries"]["bytes"])) as file:
            marks = torch.from_numpy(np.array(file.convert("L")))[None]
        pictures.append(AnnotatedPicture(decode_rgb(row["image"]), marks, int(row["annotators"])))
    return pictures


def draw_crop(picture: AnnotatedPicture, config: EdgesConfig, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random square of random scale, turned and mirrored at random.

    Returns:
        Image (3, S, S) and marks (1, S, S), both float in [0, 1], with S = `config.crop`.
    """
    both = torch.cat([picture.image, picture.boundaries])[None]
    low, high = config.scale_low, config.scale_high
    scale = low * (high / low) ** torch.rand((), generator=g).item()
    height, width = both.shape[2:]
    side = min(round(config.crop / scale), height, width)
    top, left, turns, mirror = (
        int(torch.randint(n, (), generator=g)) for n in (height - side + 1, width - side + 1, 4, 2)
    )
    both = both[:, :, top : top + side, left : left + side].float() / 255
    if side != config.crop:
        both = F.interpolate(both, (config.crop, config.crop), mode="bilinear", antialias=True)
        # shrinking spreads a line of one pixel; this gives its crest the old height back
        both[:, 3] *= max(1.0, side / config.crop)
    both = torch.rot90(both.flip(3) if mirror else both, turns, (2, 3))[0].clamp(0, 1)
    return both[:3], both[3:]


def draw_batch(pictures: list[AnnotatedPicture], config: EdgesConfig, step: int) -> tuple[Tensor, Tensor]:
    """Images and marks of a step, a pure function of (seed, step): that makes resuming exact.

    Each pass over the pictures takes a new order.
    """
    crops = []
    for place in range(step * config.batch, (step + 1) * config.batch):
        turn, index = divmod(place, len(pictures))
        order = torch.Generator().manual_seed(config.seed * 1_000_003 + turn)
        row = int(torch.randperm(len(pictures), generator=order)[index])
        g = torch.Generator().manual_seed((config.seed + 1) * 1_000_000_007 + place)
        crops.append(draw_crop(pictures[row], config, g))
    return torch.stack([c[0] for c in crops]), torch.stack([c[1] for c in crops])


def balance_weights(marks: Tensor, config: EdgesConfig) -> tuple[Tensor, Tensor]:
    """Targets (0 or 1) and weights per pixel, from the mean of annotators (B, 1, H, W).

    Edges weigh with the share of non-edges in their picture and the other way round (equation 6 of
    the paper), so both classes count alike; ignored pixels weigh 0.
    """
    positive = (marks > config.positive_above).float()
    negative = (marks == 0).float()
    p, n = positive.mean((1, 2, 3), keepdim=True), negative.mean((1, 2, 3), keepdim=True)
    share = p / (p + n).clamp_min(1e-12)
    return positive, positive * (1 - share) + config.negative_weight * share * negative


def balanced_loss(maps: list[Tensor], marks: Tensor, config: EdgesConfig) -> Tensor:
    """Class-balanced binary cross-entropy, summed over the outputs, as a weighted mean over pixels.

    Args:
        maps: logits, each (B, 1, H, W).
        marks: mean of annotators, (B, 1, H, W) in [0, 1].
        config: the thresholds and weights.
    """
    target, weight = balance_weights(marks, config)
    total = weight.sum().clamp_min(1e-12)
    losses = [F.binary_cross_entropy_with_logits(m.float(), target, weight, reduction="sum") for m in maps]
    return torch.stack(losses).sum() / total


def learning_rate(config: EdgesConfig, step: int) -> float:
    """Linear warm-up, then a rate that falls by `drop_by` at each of `drop_at`."""
    ramp = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    drops = sum(step >= part * config.steps for part in config.drop_at)
    return config.learning_rate * ramp * config.drop_by**drops


class EdgesTrainer:
    """Owns the network, the optimiser and the averaged weights; `step` makes one update."""

    def __init__(self, pictures: list[AnnotatedPicture], config: EdgesConfig, device: torch.device) -> None:
        if not pictures:
            raise InputError("`pictures` must hold at least one picture, got none")
        torch.manual_seed(config.seed)
        self.pictures, self.config, self.device = pictures, config, device
        self.network = PiDiNet(PiDiNetConfig(config.width, config.head_width))
        self.network.to(device).train()
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.Adam(
            self.parameters, config.learning_rate, weight_decay=config.weight_decay
        )
        self.ema = EMA(self.parameters, config.ema)
        self.modules: dict[str, nn.Module] = {"pidinet": self.network}

    def step(self, index: int) -> float:
        """One optimiser step; returns the loss per output."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, index)
        images, marks = draw_batch(self.pictures, self.config, index)
        x = normalise(images).to(self.device, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            maps = self.network.logits(x)
        loss = balanced_loss(maps, marks.to(self.device), self.config)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.parameters, index)
        return float(loss.detach()) / len(maps)

    def export(self, folder: Path) -> None:
        """Write the averaged weights as `model.safetensors` (bf16) and `config.json`."""
        self.ema.swap(self.parameters)
        try:
            tensors = {k: v.to(torch.bfloat16) for k, v in self.network.state_dict().items()}
        finally:
            self.ema.swap(self.parameters)
        save_weights(folder, "model", tensors)
        shape = asdict(self.network.config)
        (folder / "config.json").write_text(json.dumps(shape, indent=2) + "\n", encoding="utf-8")


def train_edges(
    config: EdgesConfig, run: Path, out: Path, data: Path | None = None, device: torch.device | None = None
) -> EdgesTrainer:
    """Train to `config.steps`, resuming from the checkpoint in `run`, and export to `out`.

    Args:
        config: see `EdgesConfig`; the shipped settings are in `edges.toml` beside this file.
        run: folder of the checkpoint and the log.
        out: folder of the weights, rewritten at every checkpoint.
        data: folder of the image sets, default `data_root()`.
        device: default is the CPU.

    Raises:
        InputError: the data is missing or broken.
        WeightsError: `run` holds a checkpoint of another shape.
    """
    root = data or data_root()
    check_shards(root, SHARDS)
    pictures = read_annotated(root, "train") + read_annotated(root, "val")
    trainer = EdgesTrainer(pictures, config, device or torch.device("cpu"))
    start = load_checkpoint(run, trainer.modules, trainer.optimizer, trainer.ema)
    with TrainingBar("edges", config.steps, start, run / "log.csv") as bar:
        for index in range(start, config.steps):
            bar.advance(index, loss=trainer.step(index), lr=learning_rate(config, index))
            if (index + 1) % config.save_every == 0 or index + 1 == config.steps:
                save_checkpoint(run, index + 1, trainer.modules, trainer.optimizer, trainer.ema)
                trainer.export(out)
    return trainer
