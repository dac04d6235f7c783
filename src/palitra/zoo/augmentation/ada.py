"""Adaptive discriminator augmentation (arXiv 2006.06676): changes made with probability p.

The changes and their strengths are the paper's blit, geometry and colour groups. Resampling is bilinear with
mirrored borders; the paper's wavelet low-pass is left out (docs/zoo.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from palitra.zoo.augmentation.affine import resample, rotation, scaling, translation
from palitra.zoo.step_random import StepRandom


@dataclass(frozen=True)
class AdaPipe:
    """Which groups of changes are at work."""

    blit: bool = True
    geometry: bool = True
    colour: bool = True

    def __call__(self, x: Tensor, p: float, random: StepRandom) -> Tensor:
        """X (B, C, H, W) in [-1, 1]; p = 0 is the identity. Differentiable in x."""
        if p <= 0:
            return x
        if self.blit or self.geometry:
            x = resample(x, self._places(x, p, random))
        return self._recolour(x, p, random) if self.colour else x

    def _places(self, x: Tensor, p: float, random: StepRandom) -> Tensor:
        height, width = x.shape[-2:]
        places = torch.eye(3, device=x.device).expand(len(x), 3, 3)
        if self.blit:
            on = random.uniform(3) < p
            flip, turn = random.integers(2), random.integers(4)
            if height != width:
                turn = turn // 2 * 2
            shift = random.uniform(2) * 0.25 - 0.125
            one = torch.ones(len(x), device=x.device)
            places = places @ scaling(torch.where(on[:, 0] & (flip == 1), -one, one), one)
            quarter = torch.where(on[:, 1], turn.float(), 0 * one)
            # rounding keeps quarter turns exact
            places = places @ rotation(quarter * math.pi / 2).round()
            step = torch.where(on[:, 2:], shift, torch.zeros_like(shift))
            places = places @ translation((step[:, 0] * width).round(), (step[:, 1] * height).round())
        return self._geometry(places, height, width, p, random) if self.geometry else places

    def _geometry(self, places: Tensor, height: int, width: int, p: float, random: StepRandom) -> Tensor:
        u, n = random.uniform(5), random.normal(4)
        angle = (random.uniform(2) * 2 - 1) * math.pi
        # two turns, each with this chance, make one with chance p
        once = 1 - math.sqrt(1 - p)
        zoom = torch.where(u[:, 0] < p, torch.exp2(0.2 * n[:, 0]), torch.ones_like(n[:, 0]))
        places = places @ scaling(zoom, zoom)
        places = places @ rotation(torch.where(u[:, 1] < once, angle[:, 0], 0 * angle[:, 0]))
        stretch = torch.where(u[:, 2] < p, torch.exp2(0.2 * n[:, 1]), torch.ones_like(n[:, 1]))
        places = places @ scaling(stretch, 1 / stretch)
        places = places @ rotation(torch.where(u[:, 3] < once, angle[:, 1], 0 * angle[:, 1]))
        shift = torch.where(u[:, 4:] < p, 0.125 * n[:, 2:], torch.zeros_like(n[:, 2:]))
        return places @ translation(shift[:, 0] * width, shift[:, 1] * height)

    def _recolour(self, x: Tensor, p: float, random: StepRandom) -> Tensor:
        u, n = random.uniform(5, 1, 1, 1), random.normal(3, 1, 1, 1)
        turn = (random.uniform(1, 1, 1) * 2 - 1) * math.pi
        negate = random.integers(2, 1, 1, 1)
        x = x + torch.where(u[:, 0] < p, 0.2 * n[:, 0], torch.zeros_like(n[:, 0]))
        x = x * torch.where(u[:, 1] < p, torch.exp2(0.5 * n[:, 1]), torch.ones_like(n[:, 1]))
        grey = x.mean(1, keepdim=True)
        x = torch.where((u[:, 2] < p) & (negate == 1), x - 2 * grey, x)
        if x.shape[1] == 3:
            x = torch.where(u[:, 3] < p, _turn_hue(x, turn), x)
            grey = x.mean(1, keepdim=True)
            strength = torch.where(u[:, 4] < p, torch.exp2(n[:, 2]), torch.ones_like(n[:, 2]))
            x = grey + (x - grey) * strength
        return x


def _turn_hue(x: Tensor, angle: Tensor) -> Tensor:
    """Rotate colours about the grey axis (Rodrigues)."""
    c, s = angle.cos(), angle.sin()
    grey = x.mean(1, keepdim=True)
    crossed = (x.roll(1, 1) - x.roll(-1, 1)) / math.sqrt(3)
    return x * c + crossed * s + grey * (1 - c)


class AdaController(nn.Module):
    """p rises while the discriminator is too sure of real pictures: mean sign of the scores above `target`.

    p can go from 0 to 1 over `adapt_over` pictures. Both p and what waits to be counted are in checkpoints.
    """

    p: Tensor
    signs: Tensor
    seen: Tensor

    def __init__(self, target: float, adapt_over: int, start: float, every: int = 4) -> None:
        super().__init__()
        self.target, self.adapt_over, self.every = target, adapt_over, every
        self.register_buffer("p", torch.tensor(start, dtype=torch.float64))
        self.register_buffer("signs", torch.zeros((), dtype=torch.float64))
        self.register_buffer("seen", torch.zeros(2, dtype=torch.int64))

    @torch.no_grad()
    def update(self, real_scores: Tensor) -> None:
        """Take in the scores (B,) of real pictures; p moves every `every` calls, within [0, 1]."""
        self.signs += real_scores.sign().double().sum()
        self.seen += torch.tensor([len(real_scores), 1], device=self.seen.device)
        if int(self.seen[1]) >= self.every:
            overfit = self.signs / self.seen[0]
            step = torch.sign(overfit - self.target) * self.seen[0] / self.adapt_over
            self.p.copy_((self.p + step).clamp(0, 1))
            self.signs.zero_()
            self.seen.zero_()
