"""DiffAugment (arXiv 2006.10738): every picture a discriminator sees is changed, differentiably."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.zoo.step_random import StepRandom


@dataclass(frozen=True)
class DiffAugment:
    """Brightness +-0.5, saturation x [0, 2), contrast x [0.5, 1.5); shift and hole: shares of the side."""

    colour: bool = True
    translation: float = 0.125
    cutout: float = 0.5

    def __call__(self, x: Tensor, random: StepRandom) -> Tensor:
        """X (B, C, H, W) -> the same shape; `random` draws for B rows."""
        if self.colour:
            x = self._colour(x, random)
        if self.translation > 0:
            x = self._translate(x, random)
        return self._cut(x, random) if self.cutout > 0 else x

    def _colour(self, x: Tensor, random: StepRandom) -> Tensor:
        brightness, saturation, contrast = random.uniform(3, 1, 1, 1).unbind(1)
        x = x + (brightness - 0.5)
        if x.shape[1] > 1:
            grey = x.mean(1, keepdim=True)
            x = grey + (x - grey) * (2 * saturation)
        mean = x.mean((1, 2, 3), keepdim=True)
        return mean + (x - mean) * (contrast + 0.5)

    def _translate(self, x: Tensor, random: StepRandom) -> Tensor:
        b, _, h, w = x.shape
        most = torch.tensor([round(h * self.translation), round(w * self.translation)], device=x.device)
        shift = (random.uniform(2) * (2 * most + 1)).floor().long() - most
        # a border of one zero row and column catches all that is shifted in
        rows = (torch.arange(h, device=x.device) + shift[:, :1] + 1).clamp(0, h + 1)
        columns = (torch.arange(w, device=x.device) + shift[:, 1:] + 1).clamp(0, w + 1)
        padded = F.pad(x, (1, 1, 1, 1))
        batch = torch.arange(b, device=x.device).view(b, 1, 1)
        return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

    def _cut(self, x: Tensor, random: StepRandom) -> Tensor:
        _, _, h, w = x.shape
        middle = random.uniform(2, 1, 1)
        height, width = round(h * self.cutout), round(w * self.cutout)
        rows = torch.arange(h, device=x.device).view(1, h, 1) - (middle[:, 0] * h).floor()
        columns = torch.arange(w, device=x.device).view(1, 1, w) - (middle[:, 1] * w).floor()
        inside_rows = (rows >= -(height // 2)) & (rows < height - height // 2)
        inside_columns = (columns >= -(width // 2)) & (columns < width - width // 2)
        return x * ~(inside_rows & inside_columns)[:, None]
