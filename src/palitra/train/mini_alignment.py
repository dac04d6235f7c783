"""Alignment of mini's inner features with eye's of the clean picture (REPA, arXiv 2410.06940).

A small head reads the middle block's places and is to point where eye's features of the clean picture
point. The head is thrown away with the training. We differ in the teacher (eye instead of DINOv2), in one
place for a middle block's cell instead of a transformer's token, and in keeping eye's features by their
main directions.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from palitra.models.eye import Eye, load_eye
from palitra.models.eye_network import fit

FILE = "alignment.safetensors"
COMPONENTS = 128
WIDTH = 256
FITTED_ON = 2000


@torch.no_grad()
def make_targets(path: Path, images: Tensor, eye: Eye | None = None) -> None:
    """Write what eye's last stage sees of images (N, 3, H, W) uint8 and their mirror images.

    Float16 (N, 2, 128, 4, 4): the 128 main directions of its 512 channels, not centred, so that
    cosines stay those of the features. Costs a forward of eye per picture and side, once.
    """
    eye = eye or load_eye()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:FITTED_ON]
    seen = torch.cat([_see(eye, chunk) for chunk in images[order].split(128)])
    rows = seen.transpose(1, 2).flatten(0, 1).double()
    _, vectors = torch.linalg.eigh(rows.T @ rows)
    basis = vectors.flip(1)[:, :COMPONENTS].float()
    kept = []
    for chunk in images.split(128):
        both = torch.stack([_see(eye, chunk), _see(eye, chunk.flip(-1))], 1)
        kept.append(torch.einsum("nsdp,dk->nskp", both, basis).half())
    side = int(kept[0].shape[-1] ** 0.5)
    part = path.with_suffix(".part")
    save_file({"targets": torch.cat(kept).unflatten(-1, (side, side)).contiguous()}, part)
    os.replace(part, path)


def _see(eye: Eye, images: Tensor) -> Tensor:
    """Eye's last stage (B, D, places)."""
    return eye.network.activations(fit(images, eye.shape.size))[-1].float().flatten(2)


def load_targets(path: Path) -> Tensor:
    """What `make_targets` wrote, (N, 2, K, g, g) float16."""
    return load_file(path)["targets"]


class AlignmentHead(nn.Module):
    """Three layers from the middle block's places (B, C, h, w) to directions (B, K, h, w)."""

    def __init__(self, channels: int, components: int = COMPONENTS, width: int = WIDTH) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 1),
            nn.SiLU(),
            nn.Conv2d(width, width, 1),
            nn.SiLU(),
            nn.Conv2d(width, components, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Directions, of any length."""
        return self.layers(features)


def misalignment(directions: Tensor, targets: Tensor) -> Tensor:
    """1 - cosine, averaged over places, (B,); targets (B, K, g, g) are averaged to the first's places."""
    wanted = F.adaptive_avg_pool2d(targets.float(), (directions.shape[-2], directions.shape[-1]))
    return 1 - F.cosine_similarity(directions.float(), wanted, dim=1).mean((1, 2))
