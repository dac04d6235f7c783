"""Sample sheets while mini trains: two pictures of every concept from the averaged weights."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from palitra.train.captioned import CONCEPTS

if TYPE_CHECKING:
    from palitra.train.mini import MiniTrainer


@torch.no_grad()
def write_sheet(trainer: MiniTrainer, path: Path, scale: float = 3.0, steps: int = 20) -> None:
    """Write a PNG with one column per concept: DDIM, trailing spacing, classifier-free guidance."""
    trainer.ema.swap(trainer.parameters)
    try:
        pictures = _draw(trainer, 3, scale, steps)
    finally:
        trainer.ema.swap(trainer.parameters)
    n, s = len(CONCEPTS), trainer.config.size
    grid = pictures.view(-1, n, 3, s, s).permute(0, 3, 1, 4, 2).reshape(-1, n * s, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid.numpy()).resize((n * s * 2, grid.shape[0] * 2), Image.Resampling.BICUBIC).save(path)


def _draw(trainer: MiniTrainer, rows: int, scale: float, steps: int) -> Tensor:
    texts = trainer.prepared.pack.texts
    prompts = [texts.index(f"a photo of {'an' if c == 'elephant' else 'a'} {c}") for c in CONCEPTS] * rows
    n, h = len(prompts), trainer.config.size // trainer.config.factor
    context = trainer.encode_texts(torch.tensor(prompts + [0] * n)).to(trainer.device)
    g = torch.Generator().manual_seed(0)
    x = torch.randn(n, trainer.config.latent_channels, h, h, generator=g).to(trainer.device)
    times = [round(1000 - i * 1000 / steps) - 1 for i in range(steps)] + [-1]
    for t, u in pairwise(times):
        a, b = trainer.abar[t], trainer.abar[u] if u >= 0 else torch.ones(())
        with torch.autocast(trainer.device.type, torch.bfloat16, enabled=trainer.config.bf16):
            v = trainer.unet(x.repeat(2, 1, 1, 1), torch.tensor(t), context).sample.float()
        cond, uncond = v.chunk(2)
        v = uncond + scale * (cond - uncond)
        x0 = a.sqrt() * x - (1 - a).sqrt() * v
        eps = (1 - a).sqrt() * x + a.sqrt() * v
        x = b.sqrt() * x0 + (1 - b).sqrt() * eps
    images = trainer.prepared.autoencoder.decode(x.cpu()).clamp(-1, 1)
    return ((images + 1) * 127.5).round().byte()
