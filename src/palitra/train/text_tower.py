"""Contrastive first phase of mini's text tower (in the manner of CLIP, arXiv 2103.00020).

A U-Net that reads 77 token states (fewer with `text_length`), most of them padding, hears a fresh
tower's one meaningful token as a whisper and learns to ignore it. So the tower first learns, against a
small picture encoder, that every state from the last word on names the picture; then it is trained
jointly with the U-Net. We differ from CLIP in reading a random position instead of the end token only.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from palitra.train.config import MiniConfig
from palitra.train.mini_model import build_text_encoder
from palitra.train.mini_prepare import Prepared
from palitra.train.progress import TrainingBar


class PictureEncoder(nn.Module):
    """Latents (B, C, 16, 16) to features (B, width); only its gradient is wanted."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 64, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(64, 128, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(128, 192, 3, padding=1),
            nn.GELU(),
        )
        self.out = nn.Linear(192, width)

    def forward(self, latents: Tensor) -> Tensor:
        """Mean over places, then one linear map."""
        return self.out(self.layers(latents).mean((2, 3)))


def first_tower(prepared: Prepared, config: MiniConfig, folder: Path) -> Any:
    """The text tower after its first phase, from `folder/text_tower.safetensors` or made now."""
    torch.manual_seed(config.seed)
    tower = build_text_encoder(config, prepared.tokenizer)
    path = folder / "text_tower.safetensors"
    if path.exists():
        tower.load_state_dict(load_file(path))
        return tower
    if config.text_steps:
        _contrast(tower, prepared, config, folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file({k: v.contiguous() for k, v in tower.state_dict().items()}, part)
    os.replace(part, path)
    return tower


def _contrast(tower: Any, prepared: Prepared, config: MiniConfig, folder: Path) -> None:
    pack, width = prepared.pack, config.text_width
    captions, meant = pack.phrasings[:, 0].unique(return_inverse=True)
    # one row of phrasings for every caption; columns that keep the caption's own words
    first = torch.stack([(meant == i).nonzero()[0, 0] for i in range(len(captions))])
    ways = pack.phrasings[first][:, [0, 2, 4]]
    pictures, head = PictureEncoder(pack.latents.shape[2], width), nn.Linear(width, width)
    scale = nn.Parameter(torch.tensor(10.0))
    parameters = [*tower.parameters(), *pictures.parameters(), *head.parameters(), scale]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    ends = (prepared.tokens == prepared.tokenizer.eos_token_id).int().argmax(1)

    def states(rows: Tensor, g: torch.Generator) -> Tensor:
        """Unit states of texts (T, D), each at a random position from its last word on."""
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            hidden = tower(prepared.tokens[rows]).last_hidden_state
        room = hidden.shape[1] - ends[rows] + 1
        place = ends[rows] - 1 + (torch.rand(len(rows), generator=g) * room).long()
        return F.normalize(head(hidden[torch.arange(len(rows)), place].float()), dim=1)

    with TrainingBar("text tower", config.text_steps, 0, folder / "text.csv") as bar:
        for step in range(config.text_steps):
            g = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * min(1.0, (step + 1) / 20) * (1 - step / config.text_steps)
            pick = torch.randint(ways.shape[1], (2, len(captions)), generator=g)
            a, b = (states(ways[torch.arange(len(captions)), p], g) for p in pick)
            rows = torch.multinomial(prepared.weights, 128, replacement=True, generator=g)
            seen = F.normalize(pictures(pack.latents[rows, 0].float()), dim=1)
            by_picture = F.cross_entropy(scale * seen @ a.T, meant[rows])
            by_text = F.cross_entropy(scale * a @ b.T, torch.arange(len(captions)))
            (by_picture + by_text).backward()
            optimizer.step()
            optimizer.zero_grad()
            bar.advance(step, picture=float(by_picture.detach()), text=float(by_text.detach()))
