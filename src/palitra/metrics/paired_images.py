"""Scores of image pairs with the same name in two sets: PSNR, SSIM, LPIPS, in one reading of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.data.image_sets import SUFFIXES, ImageSet, LabelledImage
from palitra.errors import ImageError, InputError
from palitra.metrics.lpips import SMALLEST, Lpips
from palitra.metrics.psnr import psnr
from palitra.metrics.scores import Score, ScoreSettings, interval_of_means
from palitra.metrics.ssim import ssim

WAITING = 4096
"""Images held at most until their partner comes; sets with the same names need very few."""
WHITE = 255.0


@dataclass
class PairScores:
    """Values of all pairs seen so far, by metric."""

    lpips: Lpips | None = None
    values: dict[str, list[Tensor]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    enlarged: int = 0

    def update(self, first: LabelledImage, second: LabelledImage) -> None:
        """Add a pair of one size.

        Raises:
            ImageError: the sizes differ, or a side is below 11 pixels.
        """
        if first.pixels.shape != second.pixels.shape:
            sizes = [f"{p.shape[2]}x{p.shape[1]}" for p in (first.pixels, second.pixels)]
            raise ImageError(f"`{first.name}` must have one size in both sets, got {sizes[0]} and {sizes[1]}")
        x, y = first.pixels[None], second.pixels[None]
        self._add("psnr", psnr(x, y, data_range=WHITE))
        self._add("ssim", ssim(x, y, data_range=WHITE))
        if self.lpips is not None:
            self._add("lpips", self._lpips(x.float(), y.float()))
        self.names.append(first.name)

    def scores(self, settings: ScoreSettings) -> Iterator[Score]:
        """The mean of each metric; identical pairs have no finite PSNR and are counted beside its mean."""
        for name, values in self.values.items():
            whole = torch.cat(values)
            finite = whole[whole.isfinite()]
            used: dict[str, float] = {"pairs": len(whole)}
            if len(finite) < len(whole):
                used["identical"] = len(whole) - len(finite)
            if name == "lpips" and self.enlarged:
                used["enlarged_to"] = self.enlarged
            mean = float(finite.mean()) if len(finite) else float("inf")
            yield Score(name, mean, interval_of_means(settings, finite) if len(finite) else None, used)

    def _add(self, name: str, value: Tensor) -> None:
        self.values.setdefault(name, []).append(value.double().cpu())

    def _lpips(self, x: Tensor, y: Tensor) -> Tensor:
        assert self.lpips is not None
        least, side = SMALLEST[self.lpips.net], min(x.shape[2:])
        if side < least:
            factor = -(-least // side)
            x, y = (F.interpolate(v, scale_factor=factor, mode="bilinear") for v in (x, y))
            self.enlarged = least
        device = next(self.lpips.parameters()).device
        with torch.inference_mode():
            return self.lpips(x.to(device), y.to(device), low=0, high=WHITE)


def pairs(
    real: ImageSet, fake: ImageSet, limit: int | None = None
) -> Iterator[tuple[LabelledImage, LabelledImage]]:
    """Images of the same name, endings of files aside; unreadable ones are left out with their partner.

    Raises:
        InputError: a name is in one set only.
    """
    waiting: tuple[dict[str, LabelledImage], dict[str, LabelledImage]] = ({}, {})
    streams = [real.images(limit), fake.images(limit)]
    ended = [False, False]
    while not all(ended):
        for side, stream in enumerate(streams):
            image = next(stream, None)
            if image is None:
                ended[side] = True
                continue
            name = _stem(image.name)
            other = waiting[1 - side].pop(name, None)
            if other is None:
                waiting[side][name] = image
            else:
                yield (image, other) if side == 0 else (other, image)
        if max(map(len, waiting)) > WAITING:
            break
    unread = {_stem(name) for images in (real, fake) for name in images.skipped}
    for side, (mine, theirs) in enumerate((("real", "fake"), ("fake", "real"))):
        alone = [name for name in waiting[side] if name not in unread]
        if alone:
            raise InputError(f"`{theirs}` must have the file names of `{mine}` for pairs, got no {alone[0]}")


def score_pairs(
    real: ImageSet,
    fake: ImageSet,
    settings: ScoreSettings,
    lpips: Lpips | None = None,
    limit: int | None = None,
    tick: Callable[[int], None] = lambda count: None,
) -> list[Score]:
    """Means over all pairs with their intervals.

    Raises:
        InputError: a name is in one set only, or there is no pair.
        ImageError: the images of a pair differ in size.
    """
    found = PairScores(lpips)
    for first, second in pairs(real, fake, limit):
        found.update(first, second)
        tick(2)
    if not found.names:
        raise InputError("`pairs` must be at least 1 readable pair, got 0")
    return list(found.scores(settings))


def _stem(name: str) -> str:
    path = Path(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in SUFFIXES else name
