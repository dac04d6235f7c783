"""Trains mini: diffusion of latents, the text tower learned jointly with the U-Net.

By default v-prediction on patch-code latents; `MiniConfig` has the other choices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palitra.core.schedule import Schedule
from palitra.errors import InputError
from palitra.models.clip_text import load_text_encoder
from palitra.models.text_to_image import latent_variances, load_unet
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.config import MiniConfig
from palitra.train.ema import EMA
from palitra.train.mini_alignment import AlignmentHead, misalignment
from palitra.train.mini_model import build_unet
from palitra.train.mini_objective import Objective, draw_times, loss_weight, schedule_of, times_of_smaller
from palitra.train.mini_prepare import Prepared
from palitra.train.mini_stages import stage_at, total_steps
from palitra.train.muon import MuonAdamW, split_parameters
from palitra.train.progress import TrainingBar
from palitra.train.text_tower import first_tower


def mini_schedule() -> Schedule:
    """Cosine with zero terminal SNR: the schedule of the default config, that of the embedded mini."""
    return schedule_of(MiniConfig())


@dataclass(frozen=True, eq=False)
class Batch:
    """One training batch; `texts` (B,) are rows of the pack's texts, `targets` what eye sees, if aligned."""

    latents: Tensor
    noise: Tensor
    times: Tensor
    texts: Tensor
    targets: Tensor | None = None


def draw_batch(prepared: Prepared, config: MiniConfig, step: int) -> Batch:
    """The batch of a step, a pure function of (seed, step): that makes resuming exact."""
    g = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    stage = stage_at(config, step)
    pack, n = prepared.pack_of(stage.size), stage.batch
    rows = torch.multinomial(prepared.weights, n, replacement=True, generator=g)
    flip = torch.randint(2, (n,), generator=g)
    latents = pack.latents[rows, flip].float()
    phrasing = torch.randint(pack.phrasings.shape[1], (n,), generator=g)
    phrasing[torch.rand(n, generator=g) >= config.rephrase] = 0
    texts = pack.phrasings[rows, phrasing]
    texts = texts.masked_fill(torch.rand(n, generator=g) < config.text_dropout, 0)
    times = draw_times(config, n, g)
    if stage.size != config.size and config.shift_stages:
        times = times_of_smaller(schedule_of(config), stage.size / config.size)[times]
    targets = None if prepared.targets is None else prepared.targets[rows, flip].float()
    return Batch(latents, torch.randn(latents.shape, generator=g), times, texts, targets)


def learning_rate(config: MiniConfig, step: int) -> float:
    """Linear warm-up, flat, then linear decay to 0 over the last part of `samples`."""
    total = total_steps(config)
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
        self.modules = {"unet": self.unet, "text": self.text}
        self.head: AlignmentHead | None = None
        self.middle: list[Tensor] = []
        if config.align:
            torch.manual_seed(config.seed + 1)
            self.head = AlignmentHead(config.channels[-1]).to(device)
            self.modules["head"] = self.head
            self.unet.mid_block.register_forward_hook(self._see_middle)
        # the head is learned along and is no part of the average, which is what is exported
        self.learned = [p for module in self.modules.values() for p in module.parameters()]
        self.optimizer = self._optimizer()
        self.ema = EMA(self.parameters, config.ema)
        self.objective = Objective.of(config, device, _variances(prepared, config, begin_with, device))
        # every stage has a shape of its own, and fixed shapes are the fast ones
        self.network: Any = torch.compile(self.unet, dynamic=False) if config.compile else self.unet

    def _see_middle(self, _module: Any, _inputs: Any, output: Tensor) -> None:
        self.middle.append(output)

    def _optimizer(self) -> MuonAdamW | torch.optim.AdamW:
        lr, betas = self.config.learning_rate, (0.9, self.config.beta2)
        decay = self.config.weight_decay
        if self.config.optimizer == "adamw":
            return torch.optim.AdamW(self.learned, lr=lr, betas=betas, weight_decay=decay)
        matrices, rest = split_parameters(*self.modules.values())
        return MuonAdamW(matrices, rest, lr, betas, decay, self.config.muon_iterations)

    def encode_texts(self, rows: Tensor) -> Tensor:
        """Token states (B, L, D) of text rows; equal texts are encoded once."""
        unique, back = rows.unique(return_inverse=True)
        tokens = self.prepared.tokens[unique].to(self.device)
        return self.text(tokens).last_hidden_state[back.to(self.device)]

    def loss(self, batch: Batch) -> Tensor:
        """Weighted mean squared error of what is predicted, plus the misalignment where it is asked for."""
        x0, noise = batch.latents.to(self.device), batch.noise.to(self.device)
        times = batch.times.to(self.device)
        x, target = self.objective.noised(x0, noise, times)
        seen, told = self.objective.asked(x, times)
        self.middle.clear()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            out = self.network(seen, told, self.encode_texts(batch.texts)).sample
        said = self.objective.answered(x, out.float(), times)
        error = (said - target).square().mean((1, 2, 3))
        loss = (error * loss_weight(self.objective.abar[times], self.config)).mean()
        if self.head is None:
            return loss
        assert batch.targets is not None, "an aligned run has targets in its pack"
        return loss + self.config.align * self._misalignment(batch.targets.to(self.device))

    def _misalignment(self, targets: Tensor) -> Tensor:
        assert self.head is not None
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            directions = self.head(self.middle.pop())
        return misalignment(directions, targets).mean()

    def step(self, index: int) -> float:
        """One optimiser step; returns the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, index)
        loss = self.loss(draw_batch(self.prepared, self.config, index))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learned, self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        # the average begins anew with every size: docs/decisions/0014
        self.ema.update(self.parameters, index - stage_at(self.config, index).first)
        return float(loss.detach())


def _variances(
    prepared: Prepared, config: MiniConfig, begin_with: Path | None, device: torch.device
) -> Tensor | None:
    """Of the latent channels, for preconditioning: those of the trained model, else those of the pack.

    Raises:
        InputError: the trained model learned without what the config asks for, or the other way round.
    """
    told = latent_variances(begin_with, config.latent_channels) if begin_with else ()
    if begin_with and bool(told) != config.precondition:
        raise InputError(
            f"`precondition` must be {str(bool(told)).lower()} as in the model to begin with, "
            f"got {str(config.precondition).lower()}"
        )
    if not config.precondition:
        return None
    return torch.tensor(told or prepared.pack.variances(prepared.weights), device=device)


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
    on_step: Callable[[int], None] = lambda step: None,
) -> MiniTrainer:
    """Train to `config.samples`, resuming from `folder`; writes sheets and checkpoints there.

    Without a checkpoint it begins with fresh weights, or with those of the model `begin_with`. `on_step` is
    told each step made.
    """
    from palitra.train.mini_sheet import write_sheet

    trainer = MiniTrainer(prepared, config, folder, device, begin_with)
    start = load_checkpoint(folder, trainer.modules, trainer.optimizer, trainer.ema)
    total = total_steps(config)
    with TrainingBar("mini", total, start, folder / "log.csv") as bar:
        for index in range(start, total):
            bar.advance(index, loss=trainer.step(index), lr=learning_rate(config, index))
            on_step(index)
            last = index + 1 == total
            if (index + 1) % config.save_every == 0 or last:
                save_checkpoint(folder, index + 1, trainer.modules, trainer.optimizer, trainer.ema)
            if (index + 1) % config.sheet_every == 0 or last:
                write_sheet(trainer, folder / "sheets" / f"{index + 1:07d}.png", stage_at(config, index).size)
    return trainer
