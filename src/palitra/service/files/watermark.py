"""An invisible mark in the pixels, found again by who knows its key."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float64]
TILE: Final = 64
LOW, HIGH = 4, 20
"""Cycles per tile of the mark: waves of 16 to 3 pixels, below what JPEG drops and above what eyes see."""
STRENGTH: Final = 3.0
"""Grey levels (standard deviation): 38.6 dB."""
SIDES: Final = (64, 128, 256, 512, 768, 1024)
"""Widths that models draw; a picture of another width is also looked at scaled back to these."""
FALSE_POSITIVES: Final = 1e-6
"""Bound on the share of unmarked pictures that are taken for marked."""
LARGEST: Final = 2048


@dataclass(frozen=True)
class Detection:
    """`score` in standard deviations; `chance` bounds how likely an unmarked picture scores as high."""

    found: bool
    score: float
    chance: float


class Watermark(Protocol):
    """Puts a mark into pictures and finds it."""

    def embed(self, image: Image.Image) -> Image.Image:
        """The picture with the mark, of equal size, in RGB."""
        ...

    def detect(self, image: Image.Image) -> Detection:
        """Whether the mark is in a picture, which may have been scaled, cropped or compressed."""
        ...


class SpreadSpectrum:
    """A keyed pattern of 64 x 64 pixels, added to the brightness over the whole picture again and again.

    The detector flattens the picture's spectrum (phases alone), adds all tiles up, and looks for the
    pattern at every offset, which makes it indifferent to cropping. After scaling by an unknown factor
    together with a crop it finds nothing.

    Source: Cox, Kilian, Leighton, Shamoon, IEEE Trans. Image Processing 6 (1997); we differ in adding in
    pixels, not to the largest coefficients, so that the original is not needed.
    """

    def __init__(self, key: str, strength: float = STRENGTH) -> None:
        digest = hashlib.sha256(b"palitra watermark " + key.encode()).digest()
        rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
        self.strength = strength
        self.pattern = _in_band(rng.standard_normal((TILE, TILE)))
        self.pattern /= self.pattern.std()

    def embed(self, image: Image.Image) -> Image.Image:
        """The picture with the mark. Cost: a few milliseconds at 512 px."""
        colours = np.asarray(image.convert("RGB"), dtype=np.float64)
        height, width = colours.shape[:2]
        repeats = (-(-height // TILE), -(-width // TILE))
        mark = self.strength * np.tile(self.pattern, repeats)[:height, :width]
        return Image.fromarray(np.clip(np.rint(colours + mark[..., None]), 0, 255).astype(np.uint8))

    def detect(self, image: Image.Image) -> Detection:
        """The best score over the picture as it is and scaled to the widths that models draw."""
        grey = image.convert("L")
        grey.thumbnail((LARGEST, LARGEST))
        looks = [grey]
        looks += [
            grey.resize((side, max(1, round(grey.height * side / grey.width))), Image.Resampling.LANCZOS)
            for side in SIDES
            if side != grey.width
        ]
        score = max(self._score(np.asarray(look, dtype=np.float64)) for look in looks)
        tail = 0.5 * math.erfc(max(0.0, score) / math.sqrt(2))
        chance = min(1.0, len(looks) * TILE * TILE * tail)
        return Detection(chance < FALSE_POSITIVES, score, chance)

    def _score(self, grey: Plane) -> float:
        flat = _flatten(grey)
        height, width = flat.shape
        padded = np.zeros((-(-height // TILE) * TILE, -(-width // TILE) * TILE))
        padded[:height, :width] = flat
        tiles = padded.reshape(padded.shape[0] // TILE, TILE, padded.shape[1] // TILE, TILE).sum((0, 2))
        fit = np.fft.ifft2(np.fft.fft2(tiles) * np.conj(np.fft.fft2(self.pattern))).real
        # the median of sizes is hardly moved by the peak itself
        spread = np.median(np.abs(fit - np.median(fit))) / 0.6745
        return float((fit.max() - np.median(fit)) / spread) if spread > 0 else 0.0


def _in_band(plane: Plane) -> Plane:
    spectrum = np.fft.fft2(plane)
    return np.fft.ifft2(spectrum * _band(plane.shape)).real


def _flatten(grey: Plane) -> Plane:
    """Every wave of the band equally strong: then no texture of the picture drowns the mark."""
    # without a soft border the picture's edges would be the strongest waves
    window = np.outer(_border(grey.shape[0]), _border(grey.shape[1]))
    spectrum = np.fft.fft2((grey - grey.mean()) * window)
    size = np.abs(spectrum)
    flat = np.divide(spectrum, size, out=np.zeros_like(spectrum), where=size > 1e-9)
    return np.fft.ifft2(flat * _band(grey.shape)).real


def _border(length: int) -> NDArray[np.float64]:
    soft = max(1, length // 16)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(soft) + 0.5) / soft)
    return np.concatenate([ramp, np.ones(max(0, length - 2 * soft)), ramp[::-1]])[:length]


def _band(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]) * TILE
    return (radius >= LOW) & (radius <= HIGH)
