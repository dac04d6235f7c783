"""Latent consistency distillation (Luo et al., arXiv 2310.04378, algorithm 1; Song et al., arXiv 2303.01469).

The student's clean latent at a time must be that of its average at the next time of the teacher's guided
trajectory: f(x_t, t) = f-(x_u, u), x_u one guided DDIM step from x_t. The guidance scale is distilled in and
fixed, so the student needs one evaluation a step. f is the clean latent of a v-predicting (or flow-
matching) network, which is x itself at the clean end: c_skip = sqrt(abar), c_out = -sqrt(1 - abar). The
distance is the pseudo-Huber of Song and Dhariwal, arXiv 2310.14189, eq. 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from palitra.train.drawing_batch import DrawnBatch
    from palitra.train.live import LiveTrainer


class ConsistencyDistillation:
    """Six evaluations a sample: two of the teacher, one of the average, and the student's, counted thrice."""

    def __init__(self, trainer: LiveTrainer) -> None:
        self.modules: dict[str, nn.Module] = {}
        # the teacher's trajectory; -1 is its clean end
        self.times = torch.tensor(trainer.model.times(trainer.config.solver_steps))

    def backward(self, trainer: LiveTrainer, batch: DrawnBatch) -> dict[str, float]:
        """Gradients of the student's parameters; returns the loss."""
        loss = self.loss(trainer, batch)
        loss.backward()
        return {"loss": float(loss.detach())}

    def loss(self, trainer: LiveTrainer, batch: DrawnBatch) -> Tensor:
        """Mean distance, in units of a latent's deviation."""
        g, x0 = batch.generator, batch.latents.to(trainer.device)
        at = torch.randint(len(self.times) - 1, (len(x0),), generator=g)
        t, u = self.times[at].to(trainer.device), self.times[at + 1].to(trainer.device)
        x = trainer.noised(x0, t, torch.randn(x0.shape, generator=g).to(trainer.device))
        told = trainer.told(batch)
        clean, noise = trainer.teacher(x, t, told)
        after = trainer.mixed(clean, u, noise)
        with torch.no_grad(), trainer.averaged():
            target = trainer.student_x0(after, u, told)
        # at the clean end the function is the latent itself
        target = torch.where((u < 0).view(-1, 1, 1, 1), after, target)
        made = trainer.student_x0(x, t, told)
        return pseudo_huber(made, target).mean() + trainer.lines(made, told)


def pseudo_huber(a: Tensor, b: Tensor) -> Tensor:
    """(sqrt(||a - b||^2 + c^2) - c) / sqrt(D) per sample (B,), c = 0.00054 sqrt(D) and D values a sample."""
    square = (a - b).flatten(1).square().sum(1)
    size = a[0].numel()
    c = 0.00054 * size**0.5
    return ((square + c**2).sqrt() - c) / size**0.5
