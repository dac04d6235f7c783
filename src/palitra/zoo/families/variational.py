"""Variational autoencoders (arXiv 1312.6114), plain and conditional, with an ex-post density."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.rng import Noise
from palitra.zoo.backbones.autoencoder import Decoder, Encoder
from palitra.zoo.batches import Batch
from palitra.zoo.choices import ElboLoss, VAEBackbone
from palitra.zoo.config import ZooConfig
from palitra.zoo.families.family import Drawing, Family, Moment, Shape, apply_update
from palitra.zoo.families.gaussian_mixture import Mixture, fit_mixture
from palitra.zoo.families.truncated import truncated
from palitra.zoo.optimisers import Optimiser, joint_optimiser
from palitra.zoo.step_random import StepRandom

PARTS = 4
FITTED_ON = 2000


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(mean, variance) from N(0, 1) for every dimension, (B, Z)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def reconstruction(kind: str, picture: Tensor, mean: Tensor) -> Tensor:
    """Negative log-likelihood of a picture, summed over its values, mean over the batch.

    Gaussian and Laplace take the scale that fits the batch best (arXiv 2006.13202): no weight to tune.
    """
    values = picture[0].numel()
    if kind == "gaussian":
        variance = F.mse_loss(mean, picture).clamp_min(1e-8)
        return 0.5 * values * (1 + math.log(2 * math.pi) + variance.log())
    if kind == "laplace":
        return values * (1 + math.log(2) + F.l1_loss(mean, picture).clamp_min(1e-8).log())
    share = ((mean + 1) / 2).clamp(1e-6, 1 - 1e-6)
    return F.binary_cross_entropy(share, (picture + 1) / 2, reduction="sum") / len(picture)


class Variational(Family):
    """Encoder and decoder; after training a Gaussian mixture per class takes the place of the prior."""

    only_trains = ("encoder.",)

    def __init__(self, config: ZooConfig, shape: Shape, classes: int) -> None:
        super().__init__(config, shape, classes)
        assert isinstance(config.backbone, VAEBackbone)
        assert isinstance(config.loss, ElboLoss)
        self.loss, self.latent = config.loss, config.backbone.latent
        self.encoder = Encoder(config.backbone, shape, self.classes)
        self.decoder = Decoder(config.backbone, shape, self.classes)
        k, d = max(1, self.classes), self.latent
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))
        self.register_buffer("part_weights", torch.zeros(k, PARTS))
        self.register_buffer("part_means", torch.zeros(k, PARTS, d))
        self.register_buffer("part_factors", torch.eye(d).repeat(k, PARTS, 1, 1))

    def optimisers(self) -> dict[str, Optimiser]:
        """One for encoder and decoder."""
        edges = ("encoder.layers.0.", f"decoder.layers.{len(self.decoder.layers) - 1}.")
        return {"model": joint_optimiser(self.config.training, self, edges)}

    def averaged(self) -> list[Tensor]:
        """All parameters."""
        return list(self.parameters())

    def train_step(
        self, batches: Sequence[Batch], randoms: Sequence[StepRandom], moment: Moment
    ) -> dict[str, Tensor]:
        """One step down the negative evidence bound."""
        (batch,), (random,) = batches, randoms
        training = self.config.training
        labels = batch.labels if self.classes else None
        with torch.autocast(batch.images.device.type, torch.bfloat16, enabled=training.bf16):
            mean, log_variance = self.encoder(batch.images, labels)
            z = mean + (0.5 * log_variance).exp() * random.normal(self.latent)
            picture = self.decoder(z, labels).float()
        beta = self.loss.beta * min(1.0, moment.share / self.loss.warmup if self.loss.warmup else 1.0)
        kl = kl_divergence(mean, log_variance).mean(0)
        terms = {
            "reconstruction": reconstruction(self.loss.reconstruction, batch.images, picture),
            "kl": beta * kl.clamp_min(self.loss.free_bits).sum(),
        }
        total = terms["reconstruction"] + terms["kl"]
        inputs = list(self.parameters())
        apply_update(self.steps["model"], total, training, moment, training.learning_rate, inputs)
        return {name: value.detach() for name, value in terms.items()}

    @torch.no_grad()
    def finish(self, images: Tensor, labels: Tensor) -> None:
        """Fit the mixtures to posterior samples of at most 2,000 pictures per class (arXiv 1903.12436)."""
        for k in range(max(1, self.classes)):
            rows = (
                (labels == k).nonzero()[:FITTED_ON, 0]
                if self.classes
                else torch.arange(len(images))[:FITTED_ON]
            )
            if len(rows) == 0:
                continue
            x = (images[rows].float() / 127.5 - 1).to(self.get_buffer("part_means").device)
            mean, log_variance = self.encoder(
                x, torch.full_like(rows, k).to(x.device) if self.classes else None
            )
            draw = torch.randn(mean.shape, generator=torch.Generator().manual_seed(k)).to(x.device)
            z = mean + (0.5 * log_variance).exp() * draw
            found = fit_mixture(z.cpu(), PARTS)
            m = len(found.weights)
            self.get_buffer("part_weights")[k] = 0
            self.get_buffer("part_weights")[k, :m] = found.weights.to(x)
            self.get_buffer("part_means")[k, :m] = found.means.to(x)
            self.get_buffer("part_factors")[k, :m] = found.factors.to(x)
        self.get_buffer("fitted").fill_(True)

    def draw(self, labels: Tensor | None, noise: Noise, options: Drawing) -> Tensor:
        """Means of the decoder at latents of the mixtures where fitted, else of the prior."""
        z = truncated(noise.normal((self.latent,)), options.truncation)
        uniform = torch.special.ndtr(noise.normal((1,)))[:, 0]
        if bool(self.get_buffer("fitted")):
            z = self._placed(z, uniform, labels)
        return self.decoder(z, labels).float().clamp(-1, 1)

    def _placed(self, z: Tensor, uniform: Tensor, labels: Tensor | None) -> Tensor:
        own = torch.zeros(len(z), dtype=torch.int64) if labels is None else labels
        weights, means, factors = (self.get_buffer(f"part_{n}") for n in ("weights", "means", "factors"))
        placed = torch.empty_like(z)
        for k in own.unique().tolist():
            rows = own == k
            mixture = Mixture(weights[k], means[k], factors[k])
            placed[rows] = mixture.place(uniform[rows], z[rows])
        return placed
