"""Pictures with lines found in them in several ways, encoded once, in parts; needs no images afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from safetensors.torch import load_file, save_file
from torch import Tensor

from palitra.data.colour_lines import gradient_lines
from palitra.data.datasets import data_root
from palitra.data.edges import EdgeDetector
from palitra.data.strokes import prune, skeleton
from palitra.errors import InputError
from palitra.models.text_to_image import TextToImage
from palitra.train.captioned import CONCEPTS, phrasings, read_captioned, sampling_weights
from palitra.train.live_config import DrawingConfig

PART = 256
NATIVE = 128
"""Side of the stored pictures: lines are looked for there."""
THRESHOLDS = (0.3, 0.5, 0.7)
BLURS = ((1.2, 0.06), (2.5, 0.03))
"""Blur of the gradient in pixels at NATIVE, and the largest share of strong border pixels."""
INDEX = "index.json"


@dataclass(frozen=True, eq=False)
class DrawingPack:
    """Pictures and their lines.

    latents: (N, 2, C, h, w) bf16, as seen and mirrored. lines: (N, V, S * S / 8) uint8, centre lines at
    S = `canvas` px found in V ways, eight pixels a byte. human: (N,) bool, drawn by a person. concepts: (N,).
    phrasings: (N, P), rows of `texts`; texts[0] is the empty prompt.
    """

    latents: Tensor
    lines: Tensor
    human: Tensor
    concepts: Tensor
    phrasings: Tensor
    texts: tuple[str, ...]
    canvas: int

    def centres(self, rows: Tensor, ways: Tensor, mirrored: Tensor) -> Tensor:
        """Centre lines (B, 1, S, S) in {0, 1} of `rows`, found in `ways`, mirrored where said; all (B,)."""
        packed = self.lines[rows, ways]
        bits = (packed[..., None] >> torch.arange(7, -1, -1, dtype=torch.uint8)) & 1
        drawn = bits.view(len(rows), 1, self.canvas, self.canvas).float()
        return torch.where(mirrored.bool().view(-1, 1, 1, 1), drawn.flip(-1), drawn)


def pack_lines(masks: NDArray[np.bool_]) -> Tensor:
    """Centre lines (…, S, S) as bytes (…, S * S / 8)."""
    return torch.from_numpy(np.packbits(masks.reshape(*masks.shape[:-2], -1), axis=-1))


def lines_of_pictures(images: Tensor, detector: EdgeDetector, canvas: int) -> Tensor:
    """Lines of pictures (B, 3, H, W) in [0, 1] found in five ways, as bytes (B, 5, canvas^2 / 8).

    PiDiNet at three thresholds, Canny's detector on a fine and on a coarse gradient. About 40 ms a picture on
    one CPU core.
    """
    soft = F.interpolate(detector.detect(images), (canvas, canvas), mode="bilinear", align_corners=False)
    large = F.interpolate(images, (canvas, canvas), mode="bilinear", align_corners=False, antialias=True)
    found = np.zeros((len(images), len(THRESHOLDS) + len(BLURS), canvas, canvas), dtype=bool)
    for row, (edges, picture) in enumerate(zip(soft[:, 0].cpu().numpy(), large.cpu().numpy(), strict=True)):
        for way, threshold in enumerate(THRESHOLDS):
            found[row, way] = skeleton(edges > threshold)
        pixels = np.ascontiguousarray(picture.transpose(1, 2, 0))
        for way, (blur, densest) in enumerate(BLURS, len(THRESHOLDS)):
            borders = gradient_lines(pixels, blur * canvas / NATIVE, densest)
            found[row, way] = prune(skeleton(borders), 3)
    return pack_lines(found)


def read_drawings(
    model: TextToImage,
    config: DrawingConfig,
    folder: Path,
    data: Path | None,
    predictor: Path,
    detector: Path | None = None,
) -> DrawingPack:
    """The pack in `folder`, made from the images in `data` where it is not whole yet; goes on after a stop.

    `predictor`: folder of the model's edge predictor, which draws the human sketches. `detector`: folder of
    an edge detector, the embedded one by default.

    Raises:
        InputError: the pack was made for another autoencoder, or images are missing.
        ModelNotFoundError: human sketches are wanted and there is no edge predictor.
    """
    parts = [_load_or_make(model, config, folder / "photos", data, partial(_photo_parts, detector))]
    if config.human:
        from palitra.train.pseudo_pairs import pseudo_pair_parts

        parts.append(
            _load_or_make(model, config, folder / "human", data, partial(pseudo_pair_parts, predictor))
        )
    return join(parts)


Part = dict[str, Tensor]
Making = tuple[tuple[str, ...], int, Iterator[Part]]
"""Texts, the number of parts, and the parts one by one."""


def _load_or_make(
    model: TextToImage, config: DrawingConfig, folder: Path, data: Path | None, make: Any
) -> DrawingPack:
    if not (folder / INDEX).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        done = _whole_parts(folder)
        texts, count, parts = make(model, config, data or data_root(), done)
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task(f"drawings: {folder.name}", total=count, completed=done)
            for number, part in enumerate(parts, done):
                _save_part(folder / f"{number:04d}.safetensors", part)
                progress.update(task, advance=1)
        content = {"texts": texts, "canvas": 2 * model.size, "code": code_of(model), "parts": count}
        part_of = folder / f"{INDEX}.part"
        part_of.write_text(json.dumps(content) + "\n", encoding="utf-8")
        os.replace(part_of, folder / INDEX)
    return _load(model, folder)


def _load(model: TextToImage, folder: Path) -> DrawingPack:
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    if index["code"] != code_of(model):
        raise InputError(
            f"`drawings` must be made with the autoencoder of `{model.name}`, but those in {folder} "
            f"were made with another: delete the folder"
        )
    parts = [load_file(folder / f"{number:04d}.safetensors") for number in range(index["parts"])]
    joined = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    return DrawingPack(**joined, texts=tuple(index["texts"]), canvas=int(index["canvas"]))


def _whole_parts(folder: Path) -> int:
    """How many parts an earlier run finished; parts are written whole, one after the other."""
    number = 0
    while (folder / f"{number:04d}.safetensors").is_file():
        number += 1
    return number


def _save_part(path: Path, part: Part) -> None:
    part_of = path.with_suffix(".part")
    save_file({k: v.contiguous() for k, v in part.items()}, part_of)
    os.replace(part_of, path)


def code_of(model: TextToImage) -> str:
    """Changes with the model's autoencoder: latents of one code are no use to another."""
    g = torch.Generator().manual_seed(0)
    side = 4 * model.factor
    picture = torch.rand(1, 3, side, side, generator=g).to(model.device)
    with torch.no_grad():
        latent = model.autoencoder.encode(picture * 2 - 1).float().flatten()[:4].cpu()
    # three digits: devices differ beyond
    return " ".join(f"{float(v):.3f}" for v in latent)


def text_rows(phrases: Sequence[Iterable[str]]) -> tuple[tuple[str, ...], Tensor]:
    """All texts, the empty one first, and the rows (N, P) of each picture's phrasings among them."""
    lists = [tuple(p) for p in phrases]
    texts = ("", *sorted({text for row in lists for text in row}))
    index = {text: i for i, text in enumerate(texts)}
    return texts, torch.tensor([[index[text] for text in row] for row in lists])


@torch.no_grad()
def encode_both(model: TextToImage, pictures: Tensor) -> Tensor:
    """Latents (B, 2, C, h, w) bf16 of pictures (B, 3, S, S) in [0, 1] and of their mirror images."""
    x = pictures.to(model.device) * 2 - 1
    pair = [model.autoencoder.encode(v).float().cpu() for v in (x, x.flip(-1))]
    return torch.stack(pair, 1).bfloat16()


def _photo_parts(
    edges: Path | None, model: TextToImage, config: DrawingConfig, data: Path, done: int
) -> Making:
    images = read_captioned(data, "train", max(NATIVE, model.size))
    g = torch.Generator().manual_seed(config.seed)
    few = min(config.pictures, len(images.images))
    # rare concepts first where not all fit
    rows = torch.multinomial(sampling_weights(images.concepts, 0.5), few, generator=g)
    names = [CONCEPTS[int(images.concepts[i])] for i in rows.tolist()]
    texts, said = text_rows(
        [phrasings(images.captions[i], name) for i, name in zip(rows.tolist(), names, strict=True)]
    )
    detector = EdgeDetector.load(edges, str(model.device))

    def parts() -> Iterator[Part]:
        for start in range(done * PART, few, PART):
            chosen = rows[start : start + PART]
            large = images.images[chosen].float() / 255
            small = F.interpolate(large, (model.size, model.size), mode="area")
            yield {
                "latents": encode_both(model, small),
                "lines": lines_of_pictures(large, detector, 2 * model.size),
                "human": torch.zeros(len(chosen), dtype=torch.bool),
                "concepts": images.concepts[chosen],
                "phrasings": said[start : start + PART],
            }

    return texts, -(-few // PART), parts()


def join(packs: Sequence[DrawingPack]) -> DrawingPack:
    """One pack of several; lines found in fewer ways are repeated, texts are renumbered."""
    if len(packs) == 1:
        return packs[0]
    texts = ("", *sorted({t for p in packs for t in p.texts if t}))
    index = {t: i for i, t in enumerate(texts)}
    ways, said = max(p.lines.shape[1] for p in packs), max(p.phrasings.shape[1] for p in packs)

    def wide(value: Tensor, columns: int) -> Tensor:
        times = -(-columns // value.shape[1])
        return value.repeat(1, times, *[1] * (value.ndim - 2))[:, :columns]

    return DrawingPack(
        torch.cat([p.latents for p in packs]),
        torch.cat([wide(p.lines, ways) for p in packs]),
        torch.cat([p.human for p in packs]),
        torch.cat([p.concepts for p in packs]),
        torch.cat([torch.tensor([index[t] for t in p.texts])[wide(p.phrasings, said)] for p in packs]),
        texts,
        packs[0].canvas,
    )
