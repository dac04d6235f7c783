"""Trains mini: v-prediction on patch-code latents, text tower learned jointly with the U-Net."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palitra.core.schedule import Schedule
from palitra.models.clip_text import load_text_encoder
from palitra.models.text_to_image import load_unet
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.config import MiniConfig
from palitra.train.ema import EMA
from palitra.train.mini_model import build_unet
from palitra.train.mini_prepare import Prepared
from palitra.train.muon import MuonAdamW, split_parameters
from palitra.train.progress import TrainingBar
from palitra.train.text_tower import first_tower


def mini_schedule() -> Schedule:
    """Cosine with zero terminal SNR: the schedule mini is trained and sampled with."""
    return Schedule.cosine(1000, zero_terminal_snr=True)


@dataclass(frozen=True, eq=False)
class Batch:
    """One training batch; `texts` (B,) are rows of the pack's texts."""

    latents: Tensor
    noise: Tensor
    times: Tensor
    texts: Tensor


def draw_batch(prepared: Prepared, config: MiniConfig, step: int) -> Batch:
    """The batch of a step, a pure function of (seed, step): that makes resuming exact."""
    g = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    pack, n = prepared.pack, config.batch
    rows = torch.multinomial(prepared.weights, n, replacement=True, generator=g)
    flip = torch.randint(2, (n,), generator=g)
    latents = pack.latents[rows, flip].float()
    phrasing = torch.randint(pack.phrasings.shape[1], (n,), generator=g)
    phrasing[torch.rand(n, generator=g) >= config.rephrase] = 0
    texts = pack.phrasings[rows, phrasing]
    texts = texts.masked_fill(torch.rand(n, generator=g) < config.text_dropout, 0)
    times = draw_times(config, n, g)
    return Batch(latents, torch.randn(latents.shape, generator=g), times, texts)


def draw_times(config: MiniConfig, n: int, generator: torch.Generator) -> Tensor:
    """Times (n,), uniform, but a share `high_noise` of them only from `high_noise_from` on.

    The layout of a picture is decided where abar < 0.05, in the last tenth of the cosine schedule: drawn
    uniformly, nine of ten training samples would only polish details.
    """
    high = torch.rand(n, generator=generator) < config.high_noise
    low = torch.where(high, config.high_noise_from, 0.0)
    return ((low + (1 - low) * torch.rand(n, generator=generator)) * 1000).long()


def loss_weight(abar: Tensor, config: MiniConfig) -> Tensor:
    """Weight of the v-loss per sample: 1, or min-SNR (arXiv 2303.09556) min(snr, gamma) / (snr + 1)."""
    if config.weighting == "equal":
        return torch.ones_like(abar)
    return torch.minimum(abar, config.min_snr_gamma * (1 - abar))


def learning_rate(config: MiniConfig, step: int) -> float:
    """Linear warm-up, flat, then linear decay to 0 over the last part of `samples`."""
    total = max(1, math.ceil(config.samples / config.batch))
    ramp = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    left = (total - step) / max(1.0, total * (1 - config.decay_from))
    return config.learning_rate * ramp * min(1.0, max(0.0, left))


class MiniTrainer:
    """Owns the networks, the optimiser and their averages; `step` makes one update."""

    def __init__(
        self,
        prepared: Prepared,
        config: MiniConfig,
        folder: Path,
        device: torch.device,
        begin_with: Path | None = None,
    ) -> None:
        self.prepared, self.config, self.device = prepared, config, device
        if begin_with:
            self.unet, self.text = _trained(begin_with, device)
        else:
            self.text = first_tower(prepared, config, folder).to(device)
            torch.manual_seed(config.seed)
            self.unet = build_unet(config).to(device)
        if device.type == "cpu":
            # explicit products: the backward of fused attention is the slow part on CPUs
            from diffusers.models.attention_processor import AttnProcessor

            self.unet.set_attn_processor(AttnProcessor())
        self.parameters = [*self.unet.parameters(), *self.text.parameters()]
        self.optimizer = self._optimizer()
        self.ema = EMA(self.parameters, config.ema)
        self.abar = mini_schedule().abar.float().to(device)
        self.network: Any = torch.compile(self.unet) if config.compile else self.unet
        self.modules = {"unet": self.unet, "text": self.text}

    def _optimizer(self) -> MuonAdamW | torch.optim.AdamW:
        lr, betas = self.config.learning_rate, (0.9, self.config.beta2)
        decay = self.config.weight_decay
        if self.config.optimizer == "adamw":
            return torch.optim.AdamW(self.parameters, lr=lr, betas=betas, weight_decay=decay)
        return MuonAdamW(*split_parameters(self.unet, self.text), lr=lr, betas=betas, weight_decay=decay)

    def encode_texts(self, rows: Tensor) -> Tensor:
        """Token states (B, 77, D) of text rows; equal texts are encoded once."""
        unique, back = rows.unique(return_inverse=True)
        tokens = self.prepared.tokens[unique].to(self.device)
        return self.text(tokens).last_hidden_state[back.to(self.device)]

    def loss(self, batch: Batch) -> Tensor:
        """Mean squared error of v = sqrt(abar) eps - sqrt(1 - abar) x0 (arXiv 2202.00512)."""
        x0, noise = batch.latents.to(self.device), batch.noise.to(self.device)
        times = batch.times.to(self.device)
        abar = self.abar[times].view(-1, 1, 1, 1)
        a, s = abar.sqrt(), (1 - abar).sqrt()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            out = self.network(a * x0 + s * noise, times, self.encode_texts(batch.texts)).sample
        error = (out.float() - (a * noise - s * x0)).square().mean((1, 2, 3))
        return (error * loss_weight(abar.flatten(), self.config)).mean()

    def step(self, index: int) -> float:
        """One optimiser step; returns the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, index)
        loss = self.loss(draw_batch(self.prepared, self.config, index))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.parameters, index)
        return float(loss.detach())


def _trained(model: Path, device: torch.device) -> tuple[Any, Any]:
    """U-Net and text tower of a model folder, ready to learn."""
    unet, text = load_unet(model / "unet", device)[0], load_text_encoder(model / "text_encoder", device)[0]
    return unet.train().requires_grad_(True), text.train().requires_grad_(True)


def train_mini(
    prepared: Prepared,
    config: MiniConfig,
    folder: Path,
    device: torch.device,
    begin_with: Path | None = None,
) -> MiniTrainer:
    """Train to `config.samples`, resuming from `folder`; writes sheets and checkpoints there.

    Without a checkpoint it begins with fresh weights, or with those of the model `begin_with`.
    """
    from palitra.train.mini_sheet import write_sheet

    trainer = MiniTrainer(prepared, config, folder, device, begin_with)
    start = load_checkpoint(folder, trainer.modules, trainer.optimizer, trainer.ema)
    total = math.ceil(config.samples / config.batch)
    with TrainingBar("mini", total, start, folder / "log.csv") as bar:
        for index in range(start, total):
            bar.advance(index, loss=trainer.step(index), lr=learning_rate(config, index))
            last = index + 1 == total
            if (index + 1) % config.save_every == 0 or last:
                save_checkpoint(folder, index + 1, trainer.modules, trainer.optimizer, trainer.ema)
            if (index + 1) % config.sheet_every == 0 or last:
                write_sheet(trainer, folder / "sheets" / f"{index + 1:07d}.png")
    return trainer
