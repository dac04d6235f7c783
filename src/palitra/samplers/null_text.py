"""Null-text inversion (arXiv 2211.09794, section 3.2): the empty prompt tuned to retrace a photo.

At step i the unconditional embedding u, which starts from the one of the step before, is moved by Adam so
that the guided step from z lands on the photo's recorded latent; then z takes that step. Stopping and
learning rate are as published, in shares of the steps: rate 1e-2 (1 - i / 2n), stop below 1e-5 + 1e-3 i / n
(of n = 50: 1e-2 (1 - i / 100) and 1e-5 + 2e-5 i).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.core.condition import Condition
from palitra.core.denoiser import Denoiser
from palitra.core.parametrise import Prediction, to_prediction
from palitra.core.progress import Hooks
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.core.tap import Bus
from palitra.errors import Cancelled, InputError

RATE = 1e-2
TOLERANCE = 1e-5
SLACK = 1e-3
"""By how much the tolerance grows over the whole path."""
GAIN = 2.0**12
"""Gradients are made this much larger and taken back: a power of two, so that nothing is rounded."""


@dataclass(frozen=True, eq=False)
class NullText:
    """What the optimisation leaves.

    embeddings: u of every step, (B, L, D). latents: the photos' path under guidance with them,
    one more than steps, aligned with the times. losses: (steps, B), of the last look at
    each step, not a number without inner steps.
    calls, samples, backwards: what the network did; a backward is that of one sample to its text.
    """

    embeddings: list[Tensor]
    latents: list[Tensor]
    losses: Tensor
    calls: int
    samples: int
    backwards: int


class NullTextOptimisation:
    """Tunes the empty prompt of every step; rows are independent of each other and stop each by itself.

    denoiser: frozen. scale: of guidance. inner: at most that many moves of u a step. checkpoint: gradients
    take less memory and a forward more. u, loss and Adam are float32 or wider whatever the network is.
    The condition's prediction is made once a step; gradients go to u alone, not into weights. A row whose
    loss is low enough stays where it is; official: it moves once more, as published, which by Adam is a whole
    step of the learning rate however small the loss is.
    Cost for n steps: 2 n forwards, and at most n inner forwards and as many backwards.

    Raises:
        InputError: `inner` below 0.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        schedule: Schedule,
        scale: float,
        inner: int = 10,
        checkpoint: bool = False,
        official: bool = False,
        hooks: Hooks | None = None,
    ) -> None:
        if inner < 0:
            raise InputError(f"`inner` must be at least 0, got {inner}")
        self.denoiser, self.schedule, self.scale, self.inner = denoiser, schedule, scale, inner
        self.checkpoint, self.official, self.hooks = checkpoint, official, hooks or Hooks()
        self.calls = self.samples = self.backwards = 0

    def run(
        self, path: Sequence[Tensor], times: Sequence[int], condition: Condition, empty: Condition
    ) -> NullText:
        """Retrace `path`, latents (B, C, h, w) aligned with `times`, told the condition that made it.

        condition: of B rows. empty: of 1 or B; its text is where u starts.

        Raises:
            Cancelled: the hooks said so.
        """
        self.calls = self.samples = self.backwards = 0
        z, count = path[0], len(times) - 1
        assert empty.text is not None, "the empty prompt is a text"
        u = empty.expand(len(z)).text
        assert u is not None
        u = u.detach().to(torch.promote_types(u.dtype, torch.float32))
        embeddings: list[Tensor] = []
        latents, losses = [z], []
        for index in range(count):
            step = Step(index, count, times[index], self.schedule.signal(times[index]), z)
            b = self.schedule.signal(times[index + 1])
            with torch.no_grad():
                told = self._predict(z, step, condition, condition.text)
            u, loss = self._tune(u, z, step, told, condition, path[index + 1], b)
            with torch.no_grad():
                z = self._move(told, self._predict(z, step, condition, u), b)
            embeddings.append(u)
            latents.append(z)
            losses.append(loss)
        made = torch.stack(losses)
        return NullText(embeddings, latents, made, self.calls, self.samples, self.backwards)

    def _tune(
        self, u: Tensor, z: Tensor, step: Step, told: Prediction, condition: Condition, goal: Tensor, b: float
    ) -> tuple[Tensor, Tensor]:
        """U of a step from that of the step before, and the losses (B,) seen last."""
        progress = step.index / step.count
        # a leaf for each row: one that has stopped has no gradient, and Adam then leaves it alone
        leaves = [row[None].clone().requires_grad_() for row in u]
        adam = torch.optim.Adam(leaves, lr=RATE * (1 - progress / 2))
        losses = z.new_full((len(u),), math.nan)
        active = list(range(len(u)))
        for _ in range(self.inner):
            if not active:
                break
            with torch.enable_grad():
                text = torch.cat([leaves[i] for i in active])
                free = self._predict(z[active], step, condition.rows(active), text, gradient=True)
                known = Prediction(told.x0[active], told.eps[active])
                loss = (self._move(known, free, b) - goal[active]).square().mean((1, 2, 3))
            losses[active] = loss.detach()
            far = (loss.detach() >= TOLERANCE + SLACK * progress).tolist()
            going = [i for i, is_far in zip(active, far, strict=True) if is_far]
            moved = active if self.official else going
            if moved:
                # rows do not meet inside the network, so the sum's gradient is every row's own
                found = torch.autograd.grad(loss.sum() * GAIN, [leaves[i] for i in moved])
                self.backwards += len(active)
                adam.zero_grad()
                for i, gradient in zip(moved, found, strict=True):
                    leaves[i].grad = gradient / GAIN
                adam.step()
            active = going
        return torch.cat(leaves).detach(), losses

    def _predict(
        self, z: Tensor, step: Step, condition: Condition, text: Tensor | None, gradient: bool = False
    ) -> Prediction:
        if self.hooks.cancelled and self.hooks.cancelled():
            raise Cancelled(f"stopped on request after step {step.index} of {step.count} of the inversion")
        told = Condition(text=text, channels=condition.channels, label=condition.label)
        rows = Rows({"source": slice(0, len(z))})
        bus = Bus((), rows, step, checkpoint=gradient and self.checkpoint)
        output = self.denoiser(z, step.t, told, bus)
        self.calls, self.samples = self.calls + 1, self.samples + len(z)
        return to_prediction(output, z, step.abar, self.denoiser.parametrisation)

    def _move(self, told: Prediction, free: Prediction, b: float) -> Tensor:
        """The guided DDIM step to signal power b."""
        x0 = free.x0 + self.scale * (told.x0 - free.x0)
        eps = free.eps + self.scale * (told.eps - free.eps)
        return math.sqrt(b) * x0 + math.sqrt(1 - b) * eps
