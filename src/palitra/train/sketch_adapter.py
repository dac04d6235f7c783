"""Trains a direct sketch adapter (T2I-Adapter: Mou et al., arXiv 2302.08453, section 3.4).

The U-Net is frozen and keeps its own loss; only the adapter learns. Times are drawn towards noise by the
paper's cubic sampling, t = (1 - u^3) T, since that is where a picture's layout is decided.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from palitra.core.condition import Condition
from palitra.core.parametrise import target_of
from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.core.tap import Bus
from palitra.models.sketch_adapter import SketchAdapter
from palitra.models.sketch_adapter_files import adapter_config
from palitra.models.text_to_image import TextToImage
from palitra.taps.sketch_adapter import SketchAdapterTap
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.drawing_batch import DrawnBatch, DrawnPictures
from palitra.train.drawing_pack import DrawingPack
from palitra.train.ema import EMA
from palitra.train.live_config import SketchAdapterTraining, learning_rate_factor
from palitra.train.progress import TrainingBar


def prepare_for_training(model: TextToImage) -> None:
    """Explicit attention products on CPUs, where the backward of fused attention is the slow part."""
    if model.device.type == "cpu":
        from diffusers.models.attention_processor import AttnProcessor

        model.denoiser.unet.set_attn_processor(AttnProcessor())


def network_output(
    model: TextToImage, x: Tensor, times: Tensor, text: Tensor, tap: SketchAdapterTap | None
) -> Tensor:
    """What the U-Net says of x (B, C, h, w) at times (B,), float32, with the adapter's maps added."""
    rows, step = Rows({"target": slice(0, len(x))}), Step(0, 1, 0, 0.0, x)
    return model.denoiser(x, times, Condition(text), Bus([tap] if tap else [], rows, step))


def cubic_times(count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Times (count,) by t = (1 - u^3) T with uniform u: half of them in the noisiest eighth."""
    u = torch.rand(count, generator=generator)
    return ((1 - u**3) * steps).long().clamp(max=steps - 1)


class SketchAdapterTrainer:
    """Owns the adapter, its optimiser and its average; the model is only read."""

    def __init__(self, model: TextToImage, pack: DrawingPack, config: SketchAdapterTraining) -> None:
        torch.manual_seed(config.seed)
        prepare_for_training(model)
        self.model, self.config = model, config
        self.pictures = DrawnPictures.of(model, pack)
        self.adapter = SketchAdapter(adapter_config(model)).to(model.device)
        self.parameters = list(self.adapter.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.ema = EMA(self.parameters, config.ema)
        self.abar = model.schedule.abar.float().to(model.device)
        self.total = math.ceil(config.samples / config.batch)

    def loss(self, batch: DrawnBatch) -> Tensor:
        """The network's own squared error: of the noise, the clean latent or v, whichever it predicts."""
        model, device = self.model, self.model.device
        times = cubic_times(len(batch.latents), model.schedule.steps, batch.generator).to(device)
        noise = torch.randn(batch.latents.shape, generator=batch.generator).to(device)
        x0 = batch.latents.to(device)
        abar = self.abar[times].view(-1, 1, 1, 1)
        a, s = abar.sqrt(), (1 - abar).sqrt()
        with torch.autocast(device.type, torch.bfloat16, enabled=self.config.bf16):
            tap = SketchAdapterTap(self.adapter.config.sites, self.adapter(batch.papers))
            out = network_output(model, a * x0 + s * noise, times, self.pictures.text(batch.texts), tap)
        return (out - target_of(x0, noise, abar, model.denoiser.parametrisation)).square().mean()

    def step(self, index: int) -> float:
        """One update; returns the loss."""
        c = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = c.learning_rate * learning_rate_factor(index, self.total, c.warmup, c.decay_from)
        batch = self.pictures.batch(c.seed, index, c.batch, c.human_share, c.text_dropout, c.line_width)
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, c.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.parameters, index)
        return float(loss.detach())


def train_sketch_adapter(
    model: TextToImage, pack: DrawingPack, config: SketchAdapterTraining, folder: Path
) -> SketchAdapter:
    """Train to `config.samples`, resuming from `folder`; returns the averaged adapter in evaluation mode."""
    trainer = SketchAdapterTrainer(model, pack, config)
    modules: dict[str, torch.nn.Module] = {"adapter": trainer.adapter}
    start = load_checkpoint(folder, modules, trainer.optimizer, trainer.ema)
    with TrainingBar("sketch-adapter", trainer.total, start, folder / "log.csv") as bar:
        for index in range(start, trainer.total):
            bar.advance(index, loss=trainer.step(index), lr=trainer.optimizer.param_groups[0]["lr"])
            if (index + 1) % config.save_every == 0 or index + 1 == trainer.total:
                save_checkpoint(folder, index + 1, modules, trainer.optimizer, trainer.ema)
    trainer.ema.swap(trainer.parameters)
    return trainer.adapter.eval()
