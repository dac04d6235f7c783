"""Results of pairs and of captions with their whole protocol, beside those of `evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch

from palitra.data.image_sets import ImageSet
from palitra.errors import ModelNotFoundError
from palitra.metrics.caption_scores import load_caption_network, read_captions, score_captions
from palitra.metrics.lpips import load_lpips
from palitra.metrics.paired_images import score_pairs
from palitra.metrics.result import PIXELS, Protocol, Result
from palitra.metrics.scores import Score, ScoreSettings
from palitra.models.metric_weights_files import located
from palitra.models.weights import FileHashes
from palitra.version import __version__

Tick = Callable[[int], None]


def versions() -> dict[str, str]:
    """The versions on which pixels and numbers depend."""
    return {"palitra": __version__, "torch": version("torch"), "pillow": version("pillow")}


def evaluate_pairs(
    real: ImageSet,
    fake: ImageSet,
    settings: ScoreSettings,
    *,
    lpips: str = "alex",
    device: torch.device | str = "cpu",
    limit: int | None = None,
    tick: Tick = lambda count: None,
) -> tuple[list[Result], list[str]]:
    """PSNR, SSIM and LPIPS of pairs with one name; and notes, such as that LPIPS has no weights here.

    Raises:
        InputError: a name is in one set only, or there is no pair.
        ImageError: the images of a pair differ in size.
    """
    notes = []
    try:
        path = located(f"lpips-{lpips}", field="lpips")
    except ModelNotFoundError as error:
        notes.append(f"lpips is left out: {error}")
        network, digest = None, ""
    else:
        network, digest = load_lpips(path, lpips, device), FileHashes().sha256(path)
    found = score_pairs(real, fake, settings, network, limit, tick)
    count = int(found[0].settings["pairs"])

    def result(score: Score) -> Result:
        who = (lpips, digest) if score.metric == "lpips" else (PIXELS, "")
        protocol = Protocol(*who, "none", count, count, settings.seed, versions())
        return Result(score.metric, score.value, protocol, score.interval, score.settings)

    return [result(score) for score in found], notes


def evaluate_captions(
    images: ImageSet,
    table: Path | None,
    settings: ScoreSettings,
    *,
    extractor: str = "clip",
    weights: Path | None = None,
    device: torch.device | str = "cpu",
    limit: int | None = None,
    batch: int = 64,
    tick: Tick = lambda count: None,
) -> Result:
    """CLIP score of pictures with captions, of their own or from a table.

    Raises:
        InputError: no captions, or an extractor that reads no words.
        ModelNotFoundError: its files are not here.
    """
    captions = read_captions(images, table)
    network = load_caption_network(extractor, weights, device)
    score = score_captions(images, captions, network, settings, limit, batch, tick)
    count = int(score.settings["pictures"])
    protocol = Protocol(network.name, network.weights, "clean", 0, count, settings.seed, versions())
    return Result(score.metric, score.value, protocol, score.interval, score.settings)
