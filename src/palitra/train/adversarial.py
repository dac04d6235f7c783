"""Adversarial diffusion distillation (Sauer et al., arXiv 2311.17042, eq. 1-4).

The student's clean latent, from a picture noised to one of its few sampling times, is decoded and must look
real to small heads on the frozen features of an eye, told the words; and the teacher, asked about it at a
random noise, must believe in it. Decoding is one product with mini's code, so pixels cost next to nothing. We
differ in the eye (palitra's own instead of DINOv2) and take the R1 penalty on its features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.models.eye_network import fit

if TYPE_CHECKING:
    from palitra.models.eye_network import EyeNetwork
    from palitra.train.drawing_batch import DrawnBatch
    from palitra.train.live import LiveTrainer, Told

FIRST_STAGE = 1
"""The finest stage looks at pixels; real and made differ there by the code's own error."""
HIDDEN = 64


class Head(nn.Module):
    """Logits of every place of one stage's features, with a projection of the words (arXiv 1802.05637)."""

    def __init__(self, channels: int, words: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, HIDDEN, 1)
        self.second = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.real = nn.Conv2d(HIDDEN, 1, 1)
        self.words = nn.Linear(words, HIDDEN)

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """(B, C, h, w) and (B, D) -> (B, h * w)."""
        h = F.leaky_relu(self.first(features), 0.2)
        h = F.leaky_relu(h + self.second(h), 0.2)
        told = (h * self.words(words)[:, :, None, None]).sum(1, keepdim=True) / HIDDEN**0.5
        return (self.real(h) + told).flatten(1)


class Critic(nn.Module):
    """A head for every stage of the eye but the first; the eye itself is not among its weights."""

    def __init__(self, widths: tuple[int, ...], words: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head(c, words) for c in widths[FIRST_STAGE:])

    def forward(self, stages: list[Tensor], words: Tensor) -> list[Tensor]:
        """Logits (B, places) of every stage."""
        return [head(f, words) for head, f in zip(self.heads, stages, strict=True)]


class AdversarialDistillation:
    """Five evaluations of the U-Net a sample and two passes of the eye."""

    def __init__(self, trainer: LiveTrainer, eye: EyeNetwork) -> None:
        self.eye = eye.to(trainer.device).eval().requires_grad_(False)
        width = int(trainer.model.text_encoder.config.hidden_size)
        self.critic = Critic(eye.shape.widths, width).to(trainer.device)
        self.modules: dict[str, nn.Module] = {"critic": self.critic}
        self.times = torch.tensor(trainer.model.times(trainer.config.steps)[:-1])

    def backward(self, trainer: LiveTrainer, batch: DrawnBatch) -> dict[str, float]:
        """Gradients of the student's and of the critic's parameters; returns the parts of both losses."""
        g, x0 = batch.generator, batch.latents.to(trainer.device)
        told = trainer.told(batch)
        words = told.text.mean(1)
        t = self.times[torch.randint(len(self.times), (len(x0),), generator=g)].to(trainer.device)
        made = trainer.student_x0(
            trainer.noised(x0, t, torch.randn(x0.shape, generator=g).to(trainer.device)), t, told
        )
        with torch.autocast(trainer.device.type, torch.bfloat16, enabled=trainer.config.bf16):
            seen = self.features(trainer, made)
            fooled = -_mean(self.critic(seen, words))
        distance = self.distillation(trainer, made, told, g)
        loss = fooled + trainer.config.distillation * distance + trainer.lines(made, told)
        self._assign(trainer.parameters, loss)
        judged, penalty = self.judge(trainer, x0, seen, words)
        self._assign(list(self.critic.parameters()), judged + trainer.config.r1 / 2 * penalty)
        return {
            "loss": float(distance.detach()),
            "fooled": float(fooled.detach()),
            "judged": float(judged.detach()),
        }

    def features(self, trainer: LiveTrainer, latents: Tensor) -> list[Tensor]:
        """The eye's stages of decoded latents (B, C, h, w)."""
        pixels = trainer.model.autoencoder.decode(latents)
        return self.eye.activations(fit((pixels + 1) * 127.5, self.eye.shape.size))[FIRST_STAGE:]

    def judge(
        self, trainer: LiveTrainer, real: Tensor, made: list[Tensor], words: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Hinge loss of the critic and its R1 penalty on the features of real pictures."""
        with (
            torch.no_grad(),
            torch.autocast(trainer.device.type, torch.bfloat16, enabled=trainer.config.bf16),
        ):
            true = [f.float() for f in self.features(trainer, real)]
        true = [f.requires_grad_() for f in true]
        on_true = self.critic(true, words)
        on_made = self.critic([f.detach().float() for f in made], words)
        hinge = _mean([F.relu(1 - v) for v in on_true]) + _mean([F.relu(1 + v) for v in on_made])
        together = torch.stack([v.sum() for v in on_true]).sum()
        slopes = torch.autograd.grad(together, true, create_graph=True)
        penalty = torch.stack([s.flatten(1).square().sum(1).mean() for s in slopes]).sum()
        return hinge, penalty

    def distillation(
        self, trainer: LiveTrainer, made: Tensor, told: Told, generator: torch.Generator
    ) -> Tensor:
        """Mean of sqrt(abar) (made - what the teacher makes of it, noised)^2: the exponential weight."""
        steps = trainer.model.schedule.steps
        t = torch.randint(steps, (len(made),), generator=generator).to(trainer.device)
        noise = torch.randn(made.shape, generator=generator).to(trainer.device)
        clean, _ = trainer.teacher(trainer.noised(made.detach(), t, noise), t, told)
        weight = trainer.signal(t).sqrt().flatten()
        return (weight * (made - clean).square().mean((1, 2, 3))).mean()

    def _assign(self, parameters: list[nn.Parameter], loss: Tensor) -> None:
        """Each player gets the gradient of its own loss alone."""
        found = torch.autograd.grad(loss, parameters, retain_graph=False, allow_unused=True)
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient


def _mean(logits: list[Tensor]) -> Tensor:
    return torch.stack([v.float().mean() for v in logits]).mean()
