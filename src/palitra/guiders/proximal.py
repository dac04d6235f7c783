"""Proximal guidance (ProxEdit, arXiv 2306.05414): small differences of guidance are dropped, or drawn to 0.

e = eps_u + w prox(d) with d = eps_c - eps_u and a threshold lambda that is a quantile of |d|. Where little
remains, the edit may be pulled to the photo: its latent after the step to the inverted path (inversion
guidance), or the clean picture within the step (reconstruction guidance).

What the authors' code calls l0 is the soft threshold of their l1, and it is what their results are made
with: it is the default. Their code takes the quantile over photo and edit together; where the photo's
differences are all 0, q of both is 2 q - 1 of the edit's. Here it is the edit's own, per sample;
`with_photo` brings theirs back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.branch import Branch
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step
from palitra.errors import InputError, check_range

Prox = Literal["soft", "hard"]


@dataclass(frozen=True)
class ProximalConfig:
    """Settings of the published runs.

    quantile: of |d|, in [0, 1]; 0 drops nothing, 1 drops all guidance. threshold: a fixed lambda in its
    place. toward_photo: how what little changes is pulled, by `rate` in [0, 1], at times below `recon_t`
    of the training steps, or above `-recon_t` where it is negative. A change is what remains larger than
    lambda, in the soft case differences of 2 lambda; dilation: by how many cells it is widened. by_channel:
    every value of a cell changes or stays alone, as released; else all of a cell together, a change being
    a root mean square over the channels above its own quantile.

    Raises:
        InputError: a value out of bounds.
    """

    quantile: float = 0.7
    threshold: float | None = None
    prox: Prox = "soft"
    with_photo: bool = False
    toward_photo: Literal["inversion", "reconstruction"] | None = None
    rate: float = 1.0
    recon_t: int = 400
    dilation: int = 1
    by_channel: bool = True

    def __post_init__(self) -> None:
        check_range("quantile", self.quantile, 0, 1)
        check_range("rate", self.rate, 0, 1)
        if self.threshold is not None and self.threshold < 0:
            raise InputError(f"`threshold` must be at least 0, got {self.threshold:g}")
        if self.dilation < 0:
            raise InputError(f"`dilation` must be at least 0, got {self.dilation}")
        if self.prox not in ("soft", "hard"):
            raise InputError(f"`prox` must be soft or hard, got {self.prox}")

    def eased(self, ease: float) -> ProximalConfig:
        """The same, holding the photo `ease` times as much: at 0 plain guidance, at 2 none is left."""
        q = self.quantile
        eased = q * ease if ease <= 1 else q + (1 - q) * (ease - 1)
        fixed = None if self.threshold is None else self.threshold * ease
        return replace(self, quantile=eased, threshold=fixed, rate=min(1.0, self.rate * ease))

    def pulls_at(self, t: int) -> bool:
        """Whether the edit is pulled to the photo at time t."""
        if self.toward_photo is None or self.rate == 0:
            return False
        return t < self.recon_t if self.recon_t >= 0 else t > -self.recon_t


class ProximalGuidance(Guider):
    """Classifier-free guidance of scale `scale` through a proximal function.

    photo: the inverted path, one latent (B, C, h, w) more than there are steps; needed to pull towards it.
    Costs what classifier-free guidance costs.

    Raises:
        InputError: `config.toward_photo` without `photo`.
    """

    def __init__(
        self,
        condition: Condition,
        negative: Condition,
        scale: float,
        config: ProximalConfig,
        photo: Sequence[Tensor] | None = None,
        names: tuple[str, str] = ("target", "uncond"),
    ) -> None:
        if config.toward_photo is not None and photo is None:
            raise InputError(f"`photo` must be given for {config.toward_photo} guidance: invert it first")
        self.scale, self.config, self.photo, self.names = scale, config, photo, names
        self.branches = (Branch(names[1], negative), Branch(names[0], condition))
        self._keep: Tensor | None = None

    def combine(self, step: Step, merged: Prediction | None) -> Prediction:
        """Guidance without its small parts, and the clean picture pulled where the config says so."""
        c, u = (step.predictions[name] for name in self.names)
        difference = c.eps - u.eps
        threshold = self._threshold(difference)
        left = proximal(difference, threshold, self.config.prox)
        made = u.plus_eps(self.scale * left, step.abar)
        self._keep = None
        if self.config.pulls_at(step.t):
            if self.config.by_channel:
                changes = left.abs() > threshold
            else:
                sizes = difference.square().mean(1, keepdim=True).sqrt()
                changes = sizes > self._threshold(sizes)
            self._keep = 1 - widened(changes, self.config.dilation).to(difference)
            if self.config.toward_photo == "reconstruction":
                assert self.photo is not None
                pull = self.config.rate * self._keep * (made.x0 - self.photo[-1])
                # the noise stays: only the clean picture of the step moves
                return Prediction(made.x0 - pull, made.eps)
        return made

    def project(self, x: Tensor, u: int, index: int, count: int) -> Tensor:
        """Pull what little changes to the photo's latent of the same time."""
        if self.config.toward_photo != "inversion" or self._keep is None:
            return x
        assert self.photo is not None
        return x - self.config.rate * self._keep * (x - self.photo[index + 1])

    def _threshold(self, difference: Tensor) -> Tensor:
        """Lambda of every sample, (B, 1, 1, 1)."""
        c = self.config
        if c.threshold is not None:
            return torch.full_like(difference[:, :1, :1, :1], c.threshold)
        if c.quantile == 0:
            return torch.zeros_like(difference[:, :1, :1, :1])
        sizes = difference.abs().flatten(1)
        if c.with_photo:
            sizes = torch.cat([sizes, torch.zeros_like(sizes)], 1)
        return sizes.quantile(c.quantile, 1).view(-1, 1, 1, 1)


def proximal(difference: Tensor, threshold: Tensor, prox: Prox) -> Tensor:
    """The proximal function of the l1 norm (soft) or of the l0 count (hard), elementwise."""
    if prox == "hard":
        return torch.where(difference.abs() > threshold, difference, 0.0)
    return difference - difference.clamp(-threshold, threshold)


def widened(changes: Tensor, radius: int) -> Tensor:
    """1 within `radius` cells of a change, per channel; (B, C, h, w)."""
    return F.max_pool2d(changes.float(), 2 * radius + 1, 1, radius)
