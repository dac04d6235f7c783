"""Training and sampling of every adversarial model; all its parts are choices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.rng import Noise
from palitra.zoo.augmentation.ada import AdaController, AdaPipe
from palitra.zoo.augmentation.diff_augment import DiffAugment
from palitra.zoo.backbones.discriminator import Verdict
from palitra.zoo.backbones.stylegan2 import StyleGAN2Generator
from palitra.zoo.batches import Batch
from palitra.zoo.choices import AdaptiveAugmentation, DiffAugmentation
from palitra.zoo.config import ZooConfig
from palitra.zoo.families.family import Drawing, Family, Moment, Shape, apply_update
from palitra.zoo.families.players import make_discriminator, make_generator
from palitra.zoo.families.truncated import truncated
from palitra.zoo.losses.game import game
from palitra.zoo.optimisers import Optimiser
from palitra.zoo.regularisers.feature_matching import feature_matching
from palitra.zoo.regularisers.gradient_penalty import gradient_penalty
from palitra.zoo.regularisers.historical_averaging import HistoricalAveraging
from palitra.zoo.regularisers.zero_centred import zero_centred_penalty
from palitra.zoo.step_random import StepRandom

CANDIDATES = 16
LAZY_EPS = 1e-8


class Adversarial(Family):
    """A generator and a discriminator; `batches_per_step` is the number of discriminator updates."""

    def __init__(self, config: ZooConfig, shape: Shape, classes: int) -> None:
        super().__init__(config, shape, classes)
        self.batches_per_step = config.training.discriminator_steps
        self.generator = make_generator(config, shape, self.classes)
        self.discriminator = make_discriminator(config, shape, self.classes)
        self.game = game(config.loss.kind)
        # semi-supervised models choose their pictures by the discriminator
        judged = config.conditioning.kind == "semi_supervised"
        self.only_trains = ("past_", "ada.", "pipe.", *(() if judged else ("discriminator.",)))
        weight = config.regularisers.historical_averaging
        self.past_g = HistoricalAveraging(self.generator.parameters()) if weight else None
        self.past_d = HistoricalAveraging(self.discriminator.parameters()) if weight else None
        chosen = config.augmentation
        self.ada: AdaController | None = None
        self.diffaugment: DiffAugment | None = None
        if isinstance(chosen, AdaptiveAugmentation):
            self.ada = AdaController(chosen.target, chosen.adapt_over, chosen.start)
            self.pipe = AdaPipe(chosen.blit, chosen.geometry, chosen.colour)
        elif isinstance(chosen, DiffAugmentation):
            self.diffaugment = DiffAugment(chosen.colour, chosen.translation, chosen.cutout)

    def optimisers(self) -> dict[str, Optimiser]:
        """Adam for each; rate and betas of the discriminator allow for lazily computed penalties."""
        t, r = self.config.training, self.config.regularisers
        lazy = r.lazy_every / (r.lazy_every + 1) if r.lazy_every > 1 else 1.0
        betas = (t.beta1**lazy, t.beta2**lazy)
        self.d_rate = (t.discriminator_rate or t.learning_rate) * lazy
        return {
            "generator": torch.optim.Adam(
                self.generator.parameters(), t.learning_rate, (t.beta1, t.beta2), LAZY_EPS
            ),
            "discriminator": torch.optim.Adam(self.discriminator.parameters(), self.d_rate, betas, LAZY_EPS),
        }

    def averaged(self) -> list[Tensor]:
        """The generator's parameters and the running statistics of its layers."""
        buffers = [
            b for n, b in self.generator.named_buffers() if "running_" in n or n.endswith("mean_style")
        ]
        return [*self.generator.parameters(), *buffers]

    def train_step(
        self, batches: Sequence[Batch], randoms: Sequence[StepRandom], moment: Moment
    ) -> dict[str, Tensor]:
        """Discriminator updates, one per batch, then one of the generator."""
        terms: dict[str, Tensor] = {}
        for batch, random in zip(batches, randoms, strict=True):
            terms = self._judge(batch, random, moment)
        terms |= self._create(batches[-1], randoms[-1], moment)
        for past in (self.past_g, self.past_d):
            if past is not None:
                past.update()
        return {name: value.detach() for name, value in terms.items()}

    def draw(self, labels: Tensor | None, noise: Noise, options: Drawing) -> Tensor:
        """Pictures of latents; semi-supervised models choose among candidates by their own class head."""
        assert isinstance(self.generator.latent, int)
        if self.config.conditioning.kind == "semi_supervised" and labels is not None:
            return self._chosen(labels, noise, options)
        return self._drawn(noise.normal((self.generator.latent,)), labels, options)

    def _drawn(self, z: Tensor, labels: Tensor | None, options: Drawing) -> Tensor:
        if isinstance(self.generator, StyleGAN2Generator) and options.truncation is not None:
            return self.generator(z, labels, truncation=options.truncation).clamp(-1, 1)
        return self.generator(truncated(z, options.truncation), labels).float().clamp(-1, 1)

    def _chosen(self, labels: Tensor, noise: Noise, options: Drawing) -> Tensor:
        pictures = []
        for z, label in zip(noise.normal((CANDIDATES, int(self.generator.latent))), labels, strict=True):  # type: ignore[arg-type]
            candidates = self._drawn(z, None, options)
            classes = self.discriminator(candidates, None).classes
            assert classes is not None
            pictures.append(candidates[classes.log_softmax(1)[:, label].argmax()])
        return torch.stack(pictures)

    def _labels(self, batch: Batch) -> Tensor | None:
        return None if self.config.conditioning.kind in ("none", "semi_supervised") else batch.labels

    def _fake(self, batch: Batch, random: StepRandom) -> Tensor:
        z = random.normal(int(self.generator.latent))  # type: ignore[arg-type]
        with self._precision(z):
            return self.generator(z, self._labels(batch)).float()

    def _precision(self, x: Tensor) -> torch.autocast:
        return torch.autocast(x.device.type, torch.bfloat16, enabled=self.config.training.bf16)

    def _see(self, pictures: Tensor, batch: Batch) -> Verdict:
        with self._precision(pictures):
            return self.discriminator(pictures, self._labels(batch))

    def _augment(self, pictures: Tensor, random: StepRandom) -> Tensor:
        if self.ada is not None:
            return self.pipe(pictures, float(self.ada.p), random)
        return pictures if self.diffaugment is None else self.diffaugment(pictures, random)

    def _judge(self, batch: Batch, random: StepRandom, moment: Moment) -> dict[str, Tensor]:
        chosen = self.config.regularisers
        with torch.no_grad():
            made = self._fake(batch, random)
        due = moment.step % chosen.lazy_every == 0
        real = self._augment(batch.images, random).detach().requires_grad_(due and chosen.r1 > 0)
        fake = self._augment(made, random).detach().requires_grad_(due and chosen.r2 > 0)
        of_real, of_fake = self._see(real, batch), self._see(fake, batch)
        target = 1 - chosen.label_smoothing
        terms = {"discriminator": self.game.discriminator(of_real.score, of_fake.score, target)}
        for name, verdict, pictures in (("r1", of_real, real), ("r2", of_fake, fake)):
            gamma = getattr(chosen, name) * chosen.lazy_every
            if gamma > 0 and due:
                terms[name] = gamma * zero_centred_penalty(verdict.score, pictures)
        if chosen.gradient_penalty > 0 and due:
            share = random.uniform(1, 1, 1)
            slope = gradient_penalty(lambda x: self._see(x, batch).score, real, fake, share)
            terms["gradient_penalty"] = chosen.gradient_penalty * chosen.lazy_every * slope
        terms |= self._class_terms(of_real, of_fake, batch)
        if self.past_d is not None:
            terms["past_discriminator"] = chosen.historical_averaging * self.past_d.penalty()
        training = self.config.training
        inputs = list(self.discriminator.parameters())
        total = torch.stack(list(terms.values())).sum()
        apply_update(self.steps["discriminator"], total, training, moment, self.d_rate, inputs)
        if self.ada is not None:
            self.ada.update(of_real.score)
            moment.mean(self.ada.p)
        return terms | {"real_score": of_real.score.mean(), "fake_score": of_fake.score.mean()}

    def _class_terms(self, of_real: Verdict, of_fake: Verdict, batch: Batch) -> dict[str, Tensor]:
        if of_real.classes is None:
            return {}
        weight, known = self.config.conditioning.weight, batch.labels >= 0
        # without any labelled picture the sum over none is 0, not NaN
        summed = F.cross_entropy(of_real.classes[known], batch.labels[known], reduction="sum")
        terms = {"class_real": weight * summed / known.sum().clamp_min(1)}
        if self.config.conditioning.kind == "auxiliary" and of_fake.classes is not None:
            terms["class_fake"] = weight * F.cross_entropy(of_fake.classes, batch.labels)
        return terms

    def _create(self, batch: Batch, random: StepRandom, moment: Moment) -> dict[str, Tensor]:
        chosen = self.config.regularisers
        fake = self._see(self._augment(self._fake(batch, random), random), batch)
        paired = chosen.feature_matching > 0 or self.config.loss.kind == "relativistic"
        if paired:
            with torch.no_grad():
                real = self._see(self._augment(batch.images, random), batch)
        if chosen.feature_matching > 0:
            # it takes the place of the game for the generator, as in the paper
            matched = feature_matching(real.features, fake.features)
            terms = {"feature_matching": chosen.feature_matching * matched}
        else:
            terms = {"generator": self.game.generator(real.score if paired else fake.score, fake.score)}
        if self.config.conditioning.kind == "auxiliary" and fake.classes is not None:
            cross = F.cross_entropy(fake.classes, batch.labels)
            terms["class_generator"] = self.config.conditioning.weight * cross
        if self.past_g is not None:
            terms["past_generator"] = chosen.historical_averaging * self.past_g.penalty()
        training = self.config.training
        total = torch.stack(list(terms.values())).sum()
        inputs = list(self.generator.parameters())
        apply_update(self.steps["generator"], total, training, moment, training.learning_rate, inputs)
        return terms
