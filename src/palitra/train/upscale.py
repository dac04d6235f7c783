"""Trains the 2x upscaler: photos and drawings of 128 px against their halves, as mini would give them.

A share of the halves goes through mini's patch code first, some through JPEG and light noise: that is what
the network will see. Loss: Charbonnier, sqrt(d^2 + eps^2) (Lai et al., LapSRN, arXiv 1704.03915).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from palitra.data.check_shards import Shard, check_shards
from palitra.data.datasets import data_root, decode_rgb, read_rows
from palitra.errors import InputError, check_range
from palitra.models.autoencoder import Autoencoder, load_kl_autoencoder, load_patch_autoencoder
from palitra.models.upscaler import FACTOR, UpscalerConfig, UpscalerNetwork, save_upscaler
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.ema import EMA
from palitra.train.muon import MuonAdamW, split_parameters
from palitra.train.progress import TrainingBar

SETS = ("pets", "pacs", "faces-video", "faces-lfw")
SHARDS = tuple(Shard(f"{name}/train.parquet", ("image",)) for name in SETS)
SIDE = 128


@dataclass(frozen=True)
class UpscaleConfig:
    """Settings of `palitra train upscale`.

    `coded`, `jpeg` and `noisy` are shares of the inputs that go through mini's autoencoder, through JPEG of
    quality `quality_low` to `quality_high`, and get noise of up to `noise` grey levels.
    """

    width: int = 48
    blocks: int = 3
    steps: int = 2500
    batch: int = 16
    learning_rate: float = 0.002
    warmup: int = 50
    decay_from: float = 0.4
    weight_decay: float = 0.0
    charbonnier: float = 0.001
    coded: float = 0.6
    jpeg: float = 0.15
    quality_low: int = 70
    quality_high: int = 95
    noisy: float = 0.3
    noise: float = 2.0
    ema: float = 0.998
    clip_norm: float = 1.0
    seed: int = 0
    bf16: bool = True
    save_every: int = 250

    def __post_init__(self) -> None:
        for name in ("coded", "jpeg", "noisy", "decay_from"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("quality_low", self.quality_low, 1, self.quality_high)


def read_cells(root: Path, split: str) -> list[dict[str, bytes]]:
    """Encoded pictures of all sets, in the order of the files: 65 MB for the training splits."""
    return [row["image"] for name in SETS for row in read_rows(root / name / f"{split}.parquet", ["image"])]


def autoencoder_of(model: Path) -> Autoencoder:
    """The autoencoder of a model folder, on the CPU.

    Raises:
        WeightsError: there is none.
    """
    code = model / "autoencoder"
    return load_patch_autoencoder(code)[0] if code.is_dir() else load_kl_autoencoder(model / "vae")[0]


def original(cell: dict[str, bytes]) -> Tensor:
    """A picture (3, 128, 128) uint8."""
    image = decode_rgb(cell)
    return image if image.shape[1:] == (SIDE, SIDE) else decode_rgb(cell, SIDE)


def half(image: Tensor) -> Tensor:
    """A picture (3, H, W) uint8 at half its side, by Lanczos: as mini's own training pictures are made."""
    size = (image.shape[2] // FACTOR, image.shape[1] // FACTOR)
    small = Image.fromarray(image.permute(1, 2, 0).numpy()).resize(size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


@torch.no_grad()
def coded(small: Tensor, autoencoder: Autoencoder) -> Tensor:
    """Pictures (B, 3, h, w) in [0, 1] through an autoencoder, clamped."""
    return (autoencoder.decode(autoencoder.encode(small * 2 - 1)).clamp(-1, 1) + 1) / 2


def draw_batch(
    cells: Sequence[dict[str, bytes]], autoencoder: Autoencoder, config: UpscaleConfig, step: int
) -> tuple[Tensor, Tensor]:
    """Inputs (B, 3, 64, 64) and targets (B, 3, 128, 128) in [0, 1], a pure function of (seed, step)."""
    g = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    n = config.batch
    rows = torch.randint(len(cells), (n,), generator=g)
    mirrored = torch.rand(n, generator=g) < 0.5
    large = torch.stack([original(cells[row]) for row in rows.tolist()])
    large = torch.where(mirrored.view(-1, 1, 1, 1), large.flip(3), large)
    small = torch.stack([half(image) for image in large]).float() / 255
    through = torch.rand(n, generator=g) < config.coded
    if through.any():
        small[through] = coded(small[through], autoencoder)
    noisy = (torch.rand(n, generator=g) < config.noisy).float()
    level = (noisy * torch.rand(n, generator=g) * config.noise / 255).view(-1, 1, 1, 1)
    small = small + level * torch.randn(small.shape, generator=g)
    packed = torch.rand(n, generator=g) < config.jpeg
    quality = torch.randint(config.quality_low, config.quality_high + 1, (n,), generator=g)
    # a picture that is enlarged has been rounded to bytes before
    small = (small * 255).round().clamp(0, 255).to(torch.uint8)
    for i in packed.nonzero().flatten().tolist():
        small[i] = through_jpeg(small[i], int(quality[i]))
    return small.float() / 255, large.float() / 255


def through_jpeg(image: Tensor, quality: int) -> Tensor:
    """A picture (3, H, W) uint8 saved as JPEG and read again."""
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as file:
        return torch.from_numpy(np.array(file.convert("RGB"))).permute(2, 0, 1)


def learning_rate(config: UpscaleConfig, step: int) -> float:
    """Linear warm-up, flat, then linear decay to 0 from `decay_from` of the steps on."""
    ramp = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    left = (config.steps - step) / max(1.0, config.steps * (1 - config.decay_from))
    return config.learning_rate * ramp * min(1.0, max(0.0, left))


class UpscaleTrainer:
    """Owns the network, the optimiser and the averaged weights; `step` makes one update."""

    def __init__(
        self,
        cells: Sequence[dict[str, bytes]],
        autoencoder: Autoencoder,
        config: UpscaleConfig,
        device: torch.device,
    ) -> None:
        if not cells:
            raise InputError("`data` must hold at least one picture, got none")
        torch.manual_seed(config.seed)
        self.cells, self.autoencoder, self.config, self.device = cells, autoencoder, config, device
        self.network = UpscalerNetwork(UpscalerConfig(config.width, config.blocks)).to(device).train()
        self.parameters = list(self.network.parameters())
        matrices, rest = split_parameters(self.network, edges=("stem.", "out."))
        self.optimizer = MuonAdamW(
            matrices, rest, lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.ema = EMA(self.parameters, config.ema)
        self.modules: dict[str, nn.Module] = {"upscaler": self.network}

    def step(self, index: int) -> float:
        """One optimiser step; returns the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, index)
        small, large = draw_batch(self.cells, self.autoencoder, self.config, index)
        x = small.to(self.device, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            enlarged = self.network(x)
        loss = charbonnier(enlarged - large.to(self.device), self.config.charbonnier)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.parameters, index)
        return float(loss.detach())

    def export(self, folder: Path) -> None:
        """Write the averaged weights."""
        self.ema.swap(self.parameters)
        try:
            save_upscaler(folder, self.network)
        finally:
            self.ema.swap(self.parameters)


def charbonnier(difference: Tensor, epsilon: float) -> Tensor:
    """Mean of sqrt(d^2 + eps^2): the absolute difference, smooth at zero."""
    return (difference.square() + epsilon**2).sqrt().mean()


def train_upscale(
    config: UpscaleConfig,
    autoencoder: Autoencoder,
    run: Path,
    out: Path,
    data: Path | None = None,
    device: torch.device | None = None,
) -> UpscaleTrainer:
    """Train to `config.steps`, resuming from the checkpoint in `run`, and export to `out`.

    Args:
        config: see `UpscaleConfig`.
        autoencoder: of the model whose pictures are to be enlarged, on the CPU.
        run: folder of the checkpoint and the log.
        out: folder of the weights, rewritten at every checkpoint.
        data: folder of the image sets, default `data_root()`.
        device: default is the CPU.

    Raises:
        InputError: the data is missing or broken; all shards that are, are named.
        WeightsError: `run` holds a checkpoint of another shape.
    """
    root = data or data_root()
    check_shards(root, SHARDS)
    cells = read_cells(root, "train")
    trainer = UpscaleTrainer(cells, autoencoder, config, device or torch.device("cpu"))
    start = load_checkpoint(run, trainer.modules, trainer.optimizer, trainer.ema)
    with TrainingBar("upscale", config.steps, start, run / "log.csv") as bar:
        for index in range(start, config.steps):
            bar.advance(index, loss=trainer.step(index), lr=learning_rate(config, index))
            if (index + 1) % config.save_every == 0 or index + 1 == config.steps:
                save_checkpoint(run, index + 1, trainer.modules, trainer.optimizer, trainer.ema)
                trainer.export(out)
    return trainer
