"""Reads pictures and captions and encodes them as triplets for the edge predictor, once per run."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from palitra.data.datasets import data_root
from palitra.data.edges import EdgeDetector
from palitra.models.text_to_image import TextToImage
from palitra.train.captioned import read_captioned, sampling_weights
from palitra.train.config import SketchConfig
from palitra.train.sketch_pack import SketchPack, encode_triplets

NATIVE = 128
"""Side of the stored pictures: edges are found there, whatever the model's size."""


def read_triplets(
    model: TextToImage, config: SketchConfig, folder: Path, data: Path | None, edges: Path | None = None
) -> SketchPack:
    """`folder/triplets.safetensors`, made from the captioned set when it is not there yet.

    edges: folder of the edge detector's weights, by default the embedded ones.
    """
    path = folder / "triplets.safetensors"
    if path.exists():
        return SketchPack.load(path)
    images = read_captioned(data or data_root(), "train", max(NATIVE, model.size))
    # every concept counts alike up to the power that mini was balanced with
    g = torch.Generator().manual_seed(config.seed)
    rows = torch.multinomial(
        sampling_weights(images.concepts, 0.5), min(config.pictures, len(images.images)), generator=g
    )
    detector = EdgeDetector.load(edges, device=str(model.device))
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("encoding triplets", total=len(rows))
        pack = encode_triplets(
            model,
            images.images[rows],
            [images.captions[i] for i in rows.tolist()],
            lambda batch: detector.detect(batch),
            config.line_width,
            lambda done: progress.update(task, completed=done),
        )
    pack.save(path)
    return pack
