"""Sample sheets while mini trains: two pictures of every concept from the averaged weights."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from palitra.core.parametrise import to_prediction
from palitra.train.captioned import CONCEPTS

if TYPE_CHECKING:
    from palitra.train.mini import MiniTrainer


@torch.no_grad()
def write_sheet(trainer: MiniTrainer, path: Path, size: int, scale: float = 3.0, steps: int = 20) -> None:
    """Write a PNG with one column per concept: DDIM, trailing spacing, classifier-free guidance.

    `size` is that of the stage: at any other one the network is of little use.
    """
    trainer.ema.swap(trainer.parameters)
    try:
        pictures = draw(trainer, 3, scale, steps, size)
    finally:
        trainer.ema.swap(trainer.parameters)
    n, s, shown = len(CONCEPTS), size, 2 * trainer.config.size
    pictures = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte()
    grid = pictures.view(-1, n, 3, s, s).permute(0, 3, 1, 4, 2).reshape(-1, n * s, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = Image.fromarray(grid.numpy())
    sheet.resize((n * shown, grid.shape[0] // s * shown), Image.Resampling.BICUBIC).save(path)


@torch.no_grad()
def draw(trainer: MiniTrainer, rows: int, scale: float, steps: int, size: int) -> Tensor:
    """Pictures (rows * 8, 3, size, size), about [-1, 1], of the weights as they are: each concept in turn."""
    texts = trainer.prepared.pack.texts
    prompts = [texts.index(f"a photo of {'an' if c == 'elephant' else 'a'} {c}") for c in CONCEPTS] * rows
    config, objective = trainer.config, trainer.objective
    n, h = len(prompts), size // config.factor
    context = trainer.encode_texts(torch.tensor(prompts + [0] * n)).to(trainer.device)
    g = torch.Generator().manual_seed(0)
    x = torch.randn(n, config.latent_channels, h, h, generator=g).to(trainer.device)
    for t, u in pairwise(objective.schedule.times(steps, "trailing")):
        times = torch.full((n,), t, device=trainer.device)
        seen, told = objective.asked(x, times)
        with torch.autocast(trainer.device.type, torch.bfloat16, enabled=config.bf16):
            out = trainer.unet(seen.repeat(2, 1, 1, 1), told.repeat(2), context).sample.float()
        cond, uncond = (objective.answered(x, one, times) for one in out.chunk(2))
        guided = uncond + scale * (cond - uncond)
        p = to_prediction(guided, x, objective.schedule.signal(t), objective.kind)
        b = objective.schedule.signal(u)
        x = b**0.5 * p.x0 + (1 - b) ** 0.5 * p.eps
    trainer.middle.clear()
    return trainer.prepared.autoencoder.decode(x.cpu())
