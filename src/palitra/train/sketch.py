"""Trains the latent edge predictor of sketch guidance (Voynov et al., arXiv 2211.13752, section 3.1).

Triplets of picture, thresholded edge map and caption. The U-Net sees noised latents with the real
caption and stays frozen; only the predictor learns, by the squared error to the latent of the edge map.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from palitra.core.condition import Condition
from palitra.models.edge_predictor import MINI_TAPS, SD_TAPS, EdgePredictor, EdgePredictorConfig
from palitra.models.text_to_image import TextToImage
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.config import SketchConfig
from palitra.train.ema import EMA
from palitra.train.progress import TrainingBar
from palitra.train.sketch_pack import SketchPack


def taps_for(model: TextToImage) -> tuple[str, ...]:
    """The nine taps of the paper for SD 1.x layouts, their counterparts in mini."""
    return SD_TAPS if all(site in model.denoiser.sites for site in SD_TAPS) else MINI_TAPS


@torch.no_grad()
def predictor_config(model: TextToImage, tap_norm: bool) -> EdgePredictorConfig:
    """Read the taps' widths off one small forward pass."""
    taps = taps_for(model)
    side = model.size // model.factor
    x = torch.zeros(1, model.autoencoder.channels, side, side, device=model.device)
    width = model.text_encoder.config.hidden_size
    condition = Condition(torch.zeros(1, 1, width, device=model.device))
    features = model.denoiser.features(x, 0, condition, taps)
    return EdgePredictorConfig(
        taps, tuple(f.shape[1] for f in features), model.autoencoder.channels, tap_norm=tap_norm
    )


class SketchTrainer:
    """Owns the predictor, its optimiser and its average; the model is only read."""

    def __init__(self, model: TextToImage, pack: SketchPack, config: SketchConfig) -> None:
        torch.manual_seed(config.seed)
        self.model, self.pack, self.config = model, pack, config
        self.predictor = EdgePredictor(predictor_config(model, config.tap_norm)).to(model.device)
        self.optimizer = torch.optim.AdamW(
            self.predictor.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.ema = EMA(self.predictor.parameters(), config.ema)
        self.abar = model.schedule.abar.float().to(model.device)
        # the last twentieth, at most 128 triplets, is never trained on
        self.held_out = min(128, len(pack.latents) // 20)

    def step(self, index: int) -> float:
        """One update; returns the plain mean squared error."""
        for group in self.optimizer.param_groups:
            group["lr"] = cosine_rate(self.config, index)
        g = torch.Generator().manual_seed(self.config.seed * 1_000_003 + index)
        rows = torch.randint(len(self.pack.latents) - self.held_out, (self.config.batch,), generator=g)
        times = self.draw_times(g)
        noise = torch.randn(self.pack.latents[rows].shape, generator=g)
        error, ink = self.errors(rows, times, noise)
        loss = (balanced(error, ink) if self.config.balanced else error.mean((1, 2, 3))).mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.predictor.parameters(), index)
        return float(error.detach().mean())

    def draw_times(self, generator: torch.Generator) -> Tensor:
        """Times (B,): uniform, but half of them only from the noisy part where guidance acts."""
        u = torch.rand(self.config.batch, generator=generator)
        high = torch.rand(self.config.batch, generator=generator) < 0.5
        low = torch.where(high, self.config.guided_from, 0.0)
        return ((low + (1 - low) * u) * self.model.schedule.steps).long()

    def errors(self, rows: Tensor, times: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Squared errors (B, C, h, w) of the predictor, and where the ink is (B, 1, h, w)."""
        device = self.model.device
        times = times.to(device)
        abar = self.abar[times].view(-1, 1, 1, 1)
        x0, target = self.pack.latents[rows].float().to(device), self.pack.edges[rows].float().to(device)
        x = abar.sqrt() * x0 + (1 - abar).sqrt() * noise.to(device)
        condition = Condition(self.pack.texts[self.pack.captions[rows]].float().to(device))
        with torch.autocast(device.type, torch.bfloat16, enabled=self.config.bf16):
            features = self.model.denoiser.features(x, times, condition, self.predictor.config.taps)
            predicted = self.predictor(features, times, (x.shape[-2], x.shape[-1]))
        return (predicted.float() - target).square(), self.pack.ink[rows].float().to(device)

    @torch.no_grad()
    def validate(self) -> dict[int, float]:
        """Mean squared error by time over the held-out triplets, by the averaged predictor."""
        rows = torch.arange(len(self.pack.latents) - self.held_out, len(self.pack.latents))
        noise = torch.randn(self.pack.latents[rows].shape, generator=torch.Generator().manual_seed(1))
        times = range(50, self.model.schedule.steps, max(1, self.model.schedule.steps // 10))
        self.ema.swap(self.predictor.parameters())
        self.predictor.eval()
        try:
            return {t: float(self.errors(rows, torch.full((len(rows),), t), noise)[0].mean()) for t in times}
        finally:
            self.predictor.train()
            self.ema.swap(self.predictor.parameters())


def balanced(error: Tensor, ink: Tensor) -> Tensor:
    """Mean of the error on ink and the error beside it, (B,): thin lines weigh as much as empty paper."""
    error = error.mean(1, keepdim=True)
    on = (error * ink).sum((1, 2, 3)) / ink.sum((1, 2, 3)).clamp_min(1)
    off = (error * (1 - ink)).sum((1, 2, 3)) / (1 - ink).sum((1, 2, 3)).clamp_min(1)
    return 0.5 * (on + off)


def cosine_rate(config: SketchConfig, step: int) -> float:
    """Warm-up over 100 steps, then half a cosine down to 0."""
    ramp = min(1.0, (step + 1) / 100)
    return config.learning_rate * ramp * 0.5 * (1 + math.cos(math.pi * min(1.0, step / config.steps)))


def train_sketch(model: TextToImage, pack: SketchPack, config: SketchConfig, folder: Path) -> EdgePredictor:
    """Train to `config.steps`, resuming from `folder`; returns the averaged predictor in evaluation mode."""
    trainer = SketchTrainer(model, pack, config)
    modules: dict[str, torch.nn.Module] = {"predictor": trainer.predictor}
    start = load_checkpoint(folder, modules, trainer.optimizer, trainer.ema)
    with TrainingBar("sketch", config.steps, start, folder / "log.csv") as bar:
        for index in range(start, config.steps):
            bar.advance(index, error=trainer.step(index), lr=cosine_rate(config, index))
            if (index + 1) % config.save_every == 0 or index + 1 == config.steps:
                save_checkpoint(folder, index + 1, modules, trainer.optimizer, trainer.ema)
    if trainer.held_out:
        lines = [f"{t},{error:.4f}" for t, error in trainer.validate().items()]
        (folder / "held_out.csv").write_text(
            "\n".join(["time,squared_error", *lines]) + "\n", encoding="utf-8"
        )
    trainer.ema.swap(trainer.predictor.parameters())
    return trainer.predictor.eval()
