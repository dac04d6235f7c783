"""Denoising diffusion (arXiv 2006.11239, 2102.09672), EDM (2206.00364), classifier-free guidance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.loop import sample
from palitra.core.parametrise import Parametrisation
from palitra.core.predictor import Predictor
from palitra.core.rng import Noise
from palitra.core.sampler import Sampler
from palitra.core.schedule import Schedule
from palitra.core.tap import Bus
from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.samplers.ddim import DDIM
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from palitra.samplers.heun import Heun
from palitra.zoo.backbones.unet import UNet
from palitra.zoo.batches import Batch
from palitra.zoo.choices import DiffusionLoss, EDMLoss, UNetBackbone
from palitra.zoo.config import ZooConfig
from palitra.zoo.families.clip import ClipPicture
from palitra.zoo.families.edm import karras_schedule, precondition
from palitra.zoo.families.family import Drawing, Family, Moment, Shape, apply_update
from palitra.zoo.optimisers import Optimiser, joint_optimiser
from palitra.zoo.step_random import StepRandom

STEPS = {"dpm++": 20, "ddim": 50, "heun": 18}
SAMPLERS = {"dpm++": DPMSolverMultistep, "ddim": DDIM}


class Diffusion(Family):
    """A U-Net that sees noisy pictures; a `Denoiser` of the core, whose samplers and guiders act on it."""

    def __init__(self, config: ZooConfig, shape: Shape, classes: int) -> None:
        super().__init__(config, shape, classes)
        assert isinstance(config.backbone, UNetBackbone)
        assert isinstance(config.loss, (DiffusionLoss, EDMLoss))
        self.loss = config.loss
        self.unet = UNet(config.backbone, shape, self.classes)
        self.parametrisation: Parametrisation = "sample" if self.loss.kind == "edm" else self.loss.kind
        self.edm_schedule: Schedule | None = None
        if isinstance(self.loss, DiffusionLoss):
            make = Schedule.linear if self.loss.schedule == "linear" else Schedule.cosine
            self.schedule = make(self.loss.steps)

    @property
    def sites(self) -> Sequence[str]:
        """No taps act here."""
        return ()

    def optimisers(self) -> dict[str, Optimiser]:
        """One for the whole U-Net."""
        return {"model": joint_optimiser(self.config.training, self.unet, ("begin.", "end."))}

    def averaged(self) -> list[Tensor]:
        """All parameters."""
        return list(self.parameters())

    def train_step(
        self, batches: Sequence[Batch], randoms: Sequence[StepRandom], moment: Moment
    ) -> dict[str, Tensor]:
        """One step down the denoising error; each label is hidden with the chance `label_dropout`."""
        (batch,), (random,) = batches, randoms
        training = self.config.training
        hidden = random.uniform() < self.loss.label_dropout
        labels = torch.where(hidden, self.classes, batch.labels) if self.classes else None
        with torch.autocast(batch.images.device.type, torch.bfloat16, enabled=training.bf16):
            error = (
                self._edm(batch.images, labels, random)
                if isinstance(self.loss, EDMLoss)
                else (self._discrete(batch.images, labels, random))
            )
        inputs = list(self.parameters())
        apply_update(self.steps["model"], error, training, moment, training.learning_rate, inputs)
        return {"denoising": error.detach()}

    def _discrete(self, x0: Tensor, labels: Tensor | None, random: StepRandom) -> Tensor:
        t = random.integers(self.schedule.steps)
        abar = self.schedule.abar.to(x0.device)[t].float().view(-1, 1, 1, 1)
        eps = random.normal(*self.shape)
        x = abar.sqrt() * x0 + (1 - abar).sqrt() * eps
        wanted = eps if self.parametrisation == "epsilon" else abar.sqrt() * eps - (1 - abar).sqrt() * x0
        return F.mse_loss(self.unet(x, t, labels).float(), wanted)

    def _edm(self, x0: Tensor, labels: Tensor | None, random: StepRandom) -> Tensor:
        assert isinstance(self.loss, EDMLoss)
        log_sigma = self.loss.log_sigma_mean + self.loss.log_sigma_deviation * random.normal()
        sigma = log_sigma.exp().view(-1, 1, 1, 1)
        noisy = x0 + sigma * random.normal(*self.shape)
        clean = precondition(self.unet, noisy, sigma.flatten(), labels, self.loss.sigma_data)
        weight = (sigma**2 + self.loss.sigma_data**2) / (sigma * self.loss.sigma_data) ** 2
        return (weight * (clean - x0).square()).mean()

    def forward(self, x: Tensor, t: int, condition: Condition, bus: Bus) -> Tensor:
        """The core's call: x (B, C, H, W) at time t with `condition.label`."""
        if isinstance(self.loss, EDMLoss):
            assert self.edm_schedule is not None
            sigma = self.edm_schedule.sigma(t)
            noisy = x * (1 + sigma**2) ** 0.5
            sigmas = torch.full((len(x),), sigma, device=x.device)
            return precondition(self.unet, noisy, sigmas, condition.label, self.loss.sigma_data)
        times = torch.full((len(x),), t, device=x.device)
        return self.unet(x, times, condition.label).float()

    def draw(self, labels: Tensor | None, noise: Noise, options: Drawing) -> Tensor:
        """DPM-Solver++ or DDIM (trailing times), or Heun's steps over Karras noise levels for EDM."""
        x = noise.normal(self.shape)
        if isinstance(self.loss, EDMLoss):
            count = options.steps or STEPS["heun"]
            schedule = self.edm_schedule = karras_schedule(count)
            sampler: Sampler = Heun(schedule)
            times = schedule.times(count)
        else:
            schedule, name = self.schedule, options.sampler or "dpm++"
            times = schedule.times(options.steps or min(STEPS[name], schedule.steps), "trailing")
            sampler = SAMPLERS[name](schedule)
        guiders = [self._guider(labels, options.guidance), ClipPicture()]
        predictor = Predictor(self, schedule, guiders)
        state = sample(sampler, predictor, x, times, noise, options.hooks)
        return sampler.image(state).clamp(-1, 1)

    def _guider(self, labels: Tensor | None, guidance: float | None) -> Guider:
        told = Condition(label=labels)
        if not guidance:
            return Conditional(told)
        if labels is None or self.loss.label_dropout == 0:
            raise InputError(
                f"`guidance` must be 0 for a model trained without classes or with label_dropout 0, "
                f"got {guidance:g}"
            )
        # w of the paper is one less than the scale of the library
        return ClassifierFree(told, Condition(label=torch.full_like(labels, self.classes)), 1 + guidance)
