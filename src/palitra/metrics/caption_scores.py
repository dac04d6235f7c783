"""Does a picture show what its caption says? CLIP score of a set whose pictures have captions.

Captions stand in the set's own column `caption` (parquet), or in a table with the columns `file` and
`caption` (csv or parquet; `file` names a picture as the set does). No prompt is put before them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palitra.data.datasets import read_rows
from palitra.data.image_sets import ImageSet, ParquetSet
from palitra.errors import InputError
from palitra.metrics.clip_score import ClipScore
from palitra.metrics.extractors import from_folder, load_extractor, normalised
from palitra.metrics.resize import resize
from palitra.metrics.scores import Score, ScoreSettings, interval_of_means
from palitra.models.clip_text import load_tokenizer
from palitra.models.eye import FOLDER, load_eye
from palitra.models.metric_weights_files import located

CLIPS = ("clip", "clip-b32")
"""ViT-L/14, and the smaller ViT-B/32; they give other numbers."""


@dataclass(frozen=True, eq=False)
class CaptionNetwork:
    """Pictures (B, 3, size, size) in [0, 255] and texts to vectors of one space."""

    name: str
    weights: str
    size: int
    see: Callable[[Tensor], Tensor]
    read: Callable[[Sequence[str]], Tensor]


def load_caption_network(
    name: str, weights: Path | None = None, device: torch.device | str = "cpu"
) -> CaptionNetwork:
    """The network called clip or clip-b32 (transformers folders with their tokenizers), or eye.

    Raises:
        InputError: another name.
        ModelNotFoundError: the files are not here.
        WeightsError: the files are damaged or of another layout.
    """
    if name in CLIPS:
        return _clip(name, weights, torch.device(device))
    if name != "eye":
        raise InputError(f"`extractor` must be {', '.join(CLIPS)} or eye for captions, got {name}")
    extractor = load_extractor("eye", weights, device)
    eye = load_eye(weights or FOLDER, device)
    return CaptionNetwork("eye", extractor.weights, extractor.size, lambda x: eye.see(x).caption, eye.read)


def _clip(name: str, weights: Path | None, device: torch.device) -> CaptionNetwork:
    path = located(name, weights)
    from transformers import CLIPModel

    clip: Any = from_folder(CLIPModel, path).to(device).eval().requires_grad_(False)
    tokenizer = load_tokenizer(path)
    size = int(clip.config.vision_config.image_size)

    def see(pixels: Tensor) -> Tensor:
        return clip.visual_projection(clip.vision_model(pixel_values=pixels).pooler_output)

    extractor = normalised(name, path, size, device, see)

    def read(texts: Sequence[str]) -> Tensor:
        tokens = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(device)
        with torch.inference_mode():
            pooled = clip.text_model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
            return clip.text_projection(pooled.pooler_output)

    return CaptionNetwork(name, extractor.weights, size, lambda x: extractor(x).features, read)


def read_captions(images: ImageSet, table: Path | None = None) -> dict[str, str]:
    """Captions by the name of the picture.

    Raises:
        InputError: no table and no column `caption`, or the table lacks a column.
    """
    if table is None:
        if not isinstance(images, ParquetSet):
            raise InputError(f"`captions` must name a table for {images.path.name}, got none")
        rows = read_rows(images.path, ["caption"])
        return {f"row {i}": str(row["caption"]) for i, row in enumerate(rows)}
    if table.suffix == ".parquet":
        return {str(r["file"]): str(r["caption"]) for r in read_rows(table, ["file", "caption"])}
    if not table.is_file():
        raise InputError(f"`captions` must be a csv or parquet file, got {table}")
    with table.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or []
        if not {"file", "caption"} <= set(names):
            raise InputError(
                f"`{table.name}` must have the columns file and caption, got {', '.join(names) or 'none'}"
            )
        return {row["file"]: row["caption"] or "" for row in reader}


def score_captions(
    images: ImageSet,
    captions: dict[str, str],
    network: CaptionNetwork,
    settings: ScoreSettings,
    limit: int | None = None,
    batch: int = 64,
    tick: Callable[[int], None] = lambda count: None,
) -> Score:
    """Mean of 100 times the cosine (zero where negative) of each picture and its caption.

    Raises:
        InputError: a picture without a caption, or no readable picture.
    """
    found = ClipScore()
    rows: list[tuple[Tensor, str]] = []

    def flush() -> None:
        if rows:
            vectors = network.see(torch.cat([pixels for pixels, _ in rows]))
            found.update(vectors.cpu(), network.read([text for _, text in rows]).cpu())
            tick(len(rows))
            rows.clear()

    for image in images.images(limit):
        text = captions.get(image.name)
        if not text:
            raise InputError(f"`captions` must have one for each picture, got none for {image.name}")
        rows.append((resize(image.pixels[None], network.size, "clean"), text))
        if len(rows) == batch:
            flush()
    flush()
    values = found.per_pair()
    used = {"pictures": len(values), "scale": 100}
    return Score("clip_score", float(values.mean()), interval_of_means(settings, values), used)
