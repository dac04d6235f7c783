"""Sheets while a live model learns: drawings, their pictures, and pictures of the words alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from palitra.data.images import to_image
from palitra.data.sheets import contact_sheet
from palitra.train.drawings import STEADY, by_hand

if TYPE_CHECKING:
    from palitra.train.live import LiveTrainer, Told

COLUMNS = 8


@torch.no_grad()
def write_live_sheet(trainer: LiveTrainer, path: Path) -> None:
    """Three rows by the averaged student in as many steps as the finished model will make."""
    from palitra.train.live import Told

    pack = trainer.pictures.pack
    spread = torch.linspace(0, len(pack.latents) - 1, COLUMNS).long()
    human = pack.human.nonzero().flatten()
    half = torch.linspace(0, max(0, len(human) - 1), COLUMNS // 2).long()
    rows = torch.cat([human[half], spread[: COLUMNS // 2]]) if len(human) else spread
    nought = torch.zeros_like(rows)
    centres = pack.centres(rows, nought + 1 if pack.lines.shape[1] > 1 else nought, nought)
    g = torch.Generator().manual_seed(0)
    papers = by_hand(centres, trainer.config.line_width, trainer.model.size, g, STEADY).to(trainer.device)
    text = trainer.pictures.text(pack.phrasings[rows, 0])
    images = [to_image(p.expand(3, -1, -1).cpu()) for p in papers]
    with trainer.averaged():
        for drawn in (True, False):
            told = Told(text, papers, torch.full((len(rows),), drawn, device=trainer.device))
            images += [to_image(p) for p in few_steps(trainer, told)]
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(images, COLUMNS, cell=2 * trainer.model.size, pixels=True).save(path)


def few_steps(trainer: LiveTrainer, told: Told) -> Tensor:
    """Pictures (B, 3, S, S) in [0, 1] by multistep consistency sampling."""
    model, n = trainer.model, len(told.text)
    side, g = model.size // model.factor, torch.Generator().manual_seed(1)
    times = model.times(trainer.config.steps)
    shape = (n, model.autoencoder.channels, side, side)
    x = torch.randn(shape, generator=g).to(trainer.device)
    for at, t in enumerate(times[:-1]):
        clean = trainer.student_x0(x, torch.full((n,), t, device=trainer.device), told)
        after = torch.full((n,), times[at + 1], device=trainer.device)
        x = trainer.mixed(clean, after, torch.randn(shape, generator=g).to(trainer.device))
    return (model.autoencoder.decode(x).float().clamp(-1, 1).cpu() + 1) / 2
