"""Triplets for the edge predictor, encoded once: picture latents, edge latents, captions."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.data.strokes import distance_to, draw, skeleton
from palitra.models.text_to_image import TextToImage

EdgeMap = Callable[[Tensor], Tensor]
CANVAS = 256


@dataclass(frozen=True, eq=False)
class SketchPack:
    """latents, edges: (N, C, h, w) bf16. ink: (N, 1, h, w) bool. captions: (N,) rows of texts (T, L, D)."""

    latents: Tensor
    edges: Tensor
    ink: Tensor
    captions: Tensor
    texts: Tensor

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        save_file({k: v.contiguous() for k, v in vars(self).items()}, part)
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path) -> SketchPack:
        """Read what `save` wrote."""
        return cls(**load_file(path))


def edge_picture(soft: Tensor, size: int, line_width: float, threshold: float = 0.5) -> Tensor:
    """Soft edges (H, W) thresholded, thinned and redrawn black on white: (1, size, size) in [0, 1].

    The same drawing a user's sketch becomes (`palitra.data.sketch_input`): one line width on both sides.
    """
    large = F.interpolate(
        soft[None, None].float(), size=(CANVAS, CANVAS), mode="bilinear", align_corners=False
    )
    centre = skeleton(np.asarray(large[0, 0].cpu().numpy() > threshold))
    if not centre.any():
        return torch.ones(1, size, size)
    cover = draw(distance_to(centre), line_width * CANVAS / size)
    small = Image.fromarray(cover.astype(np.float32)).resize((size, size), Image.Resampling.BOX)
    return 1 - torch.from_numpy(np.asarray(small, dtype=np.float32).copy())[None]


@torch.no_grad()
def encode_triplets(
    model: TextToImage,
    images: Tensor,
    captions: list[str],
    detect: EdgeMap,
    line_width: float,
    on_batch: Callable[[int], None] | None = None,
) -> SketchPack:
    """Encode pictures (N, 3, S, S) uint8 with their captions; `detect` gives soft edges (B, 1, H, W).

    Every second picture is mirrored, so that left and right are seen alike.
    """
    latents, edges, ink = [], [], []
    for start in range(0, len(images), 32):
        batch = images[start : start + 32].float() / 255
        batch[1::2] = batch[1::2].flip(-1)
        soft = detect(batch)
        drawn = torch.stack([edge_picture(s[0], model.size, line_width) for s in soft])
        small = F.interpolate(batch, size=(model.size, model.size), mode="area")
        latents.append(model.autoencoder.encode((small * 2 - 1).to(model.device)).cpu().bfloat16())
        paper = drawn.expand(-1, 3, -1, -1) * 2 - 1
        edges.append(model.autoencoder.encode(paper.to(model.device)).cpu().bfloat16())
        ink.append(F.max_pool2d(1 - drawn, model.factor) > 0.25)
        if on_batch:
            on_batch(min(start + 32, len(images)))
    unique = sorted(set(captions))
    condition, _ = encode_prompts(model, unique, [""] * len(unique))
    rows = torch.tensor([unique.index(c) for c in captions])
    assert condition.text is not None
    return SketchPack(torch.cat(latents), torch.cat(edges), torch.cat(ink), rows, condition.text.cpu())
