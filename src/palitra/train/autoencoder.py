"""Trains a small KL autoencoder (latent diffusion, Rombach et al. 2022, arXiv 2112.10752, section 3.1).

Loss: absolute error, eye's perceptual distance in place of LPIPS, and a very light pull of the posterior
towards the unit normal. We differ in leaving out the patch discriminator: what is compared with the fixed
patch code is how well a code can be diffused, at a cost two cores can pay. The middle attention is left out
for the same reason.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.errors import InputError, PalitraError, check_range
from palitra.models.autoencoder import KLAutoencoder
from palitra.models.eye import Eye, load_eye
from palitra.models.eye_network import fit
from palitra.models.text_to_image import save_kl_autoencoder
from palitra.train.captioned import read_captioned
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.ema import EMA
from palitra.train.progress import TrainingBar

GROUPS = 8
MEASURED = 512


@dataclass(frozen=True)
class AutoencoderConfig:
    """Settings of `palitra train autoencoder`; its factor is 2 for each of `channels` but the first."""

    size: int = 64
    channels: tuple[int, ...] = (24, 48, 96)
    layers_per_block: int = 1
    latent_channels: int = 8
    samples: int = 100_000
    batch: int = 32
    learning_rate: float = 1e-3
    warmup: int = 100
    decay_from: float = 0.5
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    perceptual_weight: float = 0.5
    kl_weight: float = 1e-6
    ema: float = 0.998
    seed: int = 0
    bf16: bool = True
    save_every: int = 250

    def __post_init__(self) -> None:
        check_range("perceptual_weight", self.perceptual_weight, 0, 1000)
        check_range("kl_weight", self.kl_weight, 0, 1000)
        for width in self.channels:
            if width < GROUPS or width % GROUPS:
                raise InputError(f"`channels` must be multiples of {GROUPS}, got {width}")
        factor = 2 ** (len(self.channels) - 1)
        if self.size < 32 or self.size % factor:
            raise InputError(f"`size` must be a multiple of {factor} from 32 on, got {self.size}")

    @property
    def steps(self) -> int:
        """Steps until `samples` are seen."""
        return max(1, math.ceil(self.samples / self.batch))


def build_autoencoder(config: AutoencoderConfig) -> Any:
    """A fresh diffusers `AutoencoderKL`."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    levels = len(config.channels)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=config.channels,
        layers_per_block=config.layers_per_block,
        latent_channels=config.latent_channels,
        norm_num_groups=GROUPS,
        sample_size=config.size,
        scaling_factor=1.0,
        shift_factor=0.0,
        force_upcast=False,
        mid_block_add_attention=False,
    )


def learning_rate(config: AutoencoderConfig, step: int) -> float:
    """Linear warm-up, flat, then linear decay to 0 from `decay_from` of the steps on."""
    ramp = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    left = (config.steps - step) / max(1.0, config.steps * (1 - config.decay_from))
    return config.learning_rate * ramp * min(1.0, max(0.0, left))


class AutoencoderTrainer:
    """Owns the network, the optimiser and the averages; images (N, 3, S, S) uint8 are its training set."""

    def __init__(self, images: Tensor, config: AutoencoderConfig, device: torch.device, eye: Eye) -> None:
        torch.manual_seed(config.seed)
        self.images, self.config, self.device, self.eye = images, config, device, eye
        self.vae = build_autoencoder(config).to(device).train()
        self.modules = {"vae": self.vae}
        self.parameters = list(self.vae.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.ema = EMA(self.parameters, config.ema)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """(images (B, 3, S, S) in [-1, 1], noise of the posterior) of a step, a function of (seed, step)."""
        config = self.config
        g = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        rows = torch.randint(len(self.images), (config.batch,), generator=g)
        x = self.images[rows].float() / 127.5 - 1
        mirrored = torch.rand(config.batch, 1, 1, 1, generator=g) < 0.5
        side = config.size // 2 ** (len(config.channels) - 1)
        noise = torch.randn(config.batch, config.latent_channels, side, side, generator=g)
        return torch.where(mirrored, x.flip(-1), x), noise

    def losses(self, images: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Absolute error, perceptual distance, and the divergence in nats a pixel value; unweighted."""
        x = images.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            posterior = self.vae.encode(x).latent_dist
            z = posterior.mean + posterior.std * noise.to(self.device)
            made = self.vae.decode(z).sample
        divergence = posterior.kl().float().mean() / x[0].numel()
        zero = torch.zeros((), device=self.device)
        seen = self._perceptual(made.float(), x) if self.config.perceptual_weight else zero
        return {"error": (made.float() - x).abs().mean(), "seen": seen, "kl": divergence}

    def _perceptual(self, made: Tensor, real: Tensor) -> Tensor:
        """The distance of `metrics.eye_distance`, with a gradient to `made`."""
        network, side = self.eye.network, self.eye.shape.size
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            stages = [network.activations(fit((x + 1) * 127.5, side)) for x in (made, real)]
        apart = [
            (F.normalize(a.float(), dim=1, eps=1e-6) - F.normalize(b.float(), dim=1, eps=1e-6))
            .square()
            .sum(1)
            .mean()
            for a, b in zip(*stages, strict=True)
        ]
        return torch.stack(apart).mean()

    def step(self, index: int) -> dict[str, float]:
        """One optimiser step; returns the unweighted losses.

        Raises:
            PalitraError: the loss is not finite.
        """
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, index)
        found = self.losses(*self.batch(index))
        # latent diffusion sums the error over a picture's values, where kl_weight is 1e-6
        divergence = config.kl_weight * self.images[0].numel() * found["kl"]
        loss = found["error"] + config.perceptual_weight * found["seen"] + divergence
        if not torch.isfinite(loss):
            raise PalitraError(
                f"the training of the autoencoder stopped at step {index}: its loss is {loss:g}"
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.parameters, index)
        return {name: float(value.detach()) for name, value in found.items()}

    @torch.no_grad()
    def code(self) -> KLAutoencoder:
        """A frozen copy with averaged weights, scaled and shifted so that its latents are standard."""
        self.ema.swap(self.parameters)
        try:
            vae = copy.deepcopy(self.vae).eval()
        finally:
            self.ema.swap(self.parameters)
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(self.config.seed))
        some = self.images[order[:MEASURED]].float() / 127.5 - 1
        latents = torch.cat([vae.encode(x.to(self.device)).latent_dist.mode() for x in some.split(64)])
        vae.register_to_config(scaling_factor=float(1 / latents.std()), shift_factor=float(latents.mean()))
        return KLAutoencoder(vae)


def train_autoencoder(
    config: AutoencoderConfig,
    run: Path,
    out: Path,
    data: Path | None = None,
    device: torch.device | None = None,
    eye: Eye | None = None,
) -> AutoencoderTrainer:
    """Train to `config.samples`, resuming from the checkpoint in `run`, and write a `vae/` folder to `out`.

    Args:
        config: see `AutoencoderConfig`.
        run: folder of the checkpoint and `log.csv`.
        out: the folder of the weights, as `load_kl_autoencoder` and diffusers read it.
        data: folder of the image sets, default `data_root()`.
        device: default is the CPU.
        eye: whose perceptual distance counts, default the embedded one.

    Raises:
        InputError: the data is missing.
        PalitraError: the loss is not finite.
        WeightsError: `run` holds a damaged checkpoint or one of another shape.
    """
    from palitra.data.datasets import data_root

    where = device or torch.device("cpu")
    images = read_captioned(data or data_root(), "train", config.size).images
    trainer = AutoencoderTrainer(images, config, where, eye or load_eye(device=where))
    start = load_checkpoint(run, trainer.modules, trainer.optimizer, trainer.ema)
    with TrainingBar("autoencoder", config.steps, start, run / "log.csv") as bar:
        for index in range(start, config.steps):
            bar.advance(index, **trainer.step(index), lr=learning_rate(config, index))
            if (index + 1) % config.save_every == 0 or index + 1 == config.steps:
                save_checkpoint(run, index + 1, trainer.modules, trainer.optimizer, trainer.ema)
    save_kl_autoencoder(out, trainer.code())
    return trainer
