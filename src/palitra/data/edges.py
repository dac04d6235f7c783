"""Edge maps of pictures: found by PiDiNet, thresholded, thinned and drawn as lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from palitra.data.strokes import distance_to, skeleton
from palitra.errors import ImageError, InputError, check_range
from palitra.models.pidinet import SMALLEST_SIDE, PiDiNet, PiDiNetConfig
from palitra.models.weights import build_network, find_weights, read_json

Normalisation = Literal["official", "aux"]

EMBEDDED = Path(__file__).parents[1] / "weights" / "edges"
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
LARGEST_UPSCALE = 8
PIXELS_AT_ONCE = 2 * 256 * 256


def normalise(images: Tensor, how: Normalisation = "official") -> Tensor:
    """What PiDiNet sees of pictures (B, 3, H, W), RGB in [0, 1].

    "official" subtracts the ImageNet mean and divides by its deviation, as the network was trained;
    "aux" only swaps red and blue, as the tools around ControlNet feed the same weights: take it for
    edge maps that go into their networks. The two give different maps.

    Raises:
        InputError: another name.
    """
    if how == "aux":
        return images.flip(1)
    if how != "official":
        raise InputError(f"`normalisation` must be official or aux, got {how}")
    mean, std = (torch.tensor(v).view(3, 1, 1).to(images) for v in (MEAN, STD))
    return (images - mean) / std


@dataclass(frozen=True, eq=False)
class EdgeDetector:
    """Finds edges with a folded PiDiNet; `load` gives the one that comes with the package.

    Cost with the embedded weights: about 12 GFLOP for 512 x 512.
    """

    network: PiDiNet
    normalisation: Normalisation = "official"

    @classmethod
    def load(
        cls, path: Path | None = None, device: str | torch.device = "cpu", normalisation: str = "official"
    ) -> EdgeDetector:
        """Read `config.json` and `model.safetensors` of a folder, by default the embedded ones.

        Raises:
            WeightsError: a file is missing, damaged, pickled or of another layout.
            InputError: unknown `normalisation`.
        """
        if normalisation not in ("official", "aux"):
            raise InputError(f"`normalisation` must be official or aux, got {normalisation}")
        folder = path or EMBEDDED
        shape = read_json(folder / "config.json")
        network = build_network(
            lambda: PiDiNet(PiDiNetConfig(**shape)), find_weights(folder, "model"), device, torch.float32
        )
        return cls(network.fold().eval(), cast(Normalisation, normalisation))

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Soft edges (B, 1, H, W) in [0, 1] of pictures (B, 3, H, W) in [0, 1], any size from 8 px.

        Raises:
            ImageError: another shape, or values outside [0, 1].
        """
        check_pictures(images)
        weight = next(self.network.parameters())
        soft: Tensor = self.network(normalise(images.to(weight), self.normalisation))
        return soft

    def detect(self, images: Tensor, upscale: float | None = None) -> Tensor:
        """Soft edges of small pictures: looked at enlarged, returned at the pictures' own size.

        The network was trained on photos of about 400 px, where objects have lines some pixels
        apart; at 64 or 128 px these run together. Each pixel gets the mean edge strength of the
        enlarged pixels it covers; the strongest one would glue neighbouring lines together.

        Args:
            images: (B, 3, H, W) in [0, 1].
            upscale: enlargement (bicubic), 1 to 8; by default a whole number that brings the
                shorter side to about 256 px, at most 4.

        Raises:
            ImageError: as for a call.
            InputError: `upscale` out of bounds.
        """
        check_pictures(images)
        height, width = images.shape[2:]
        if upscale is None:
            upscale = min(4, max(1, round(256 / min(height, width))))
        check_range("upscale", upscale, 1, LARGEST_UPSCALE)
        if upscale == 1:
            return self(images)
        size = (round(height * upscale), round(width * upscale))
        # few pictures at a time: activations of hundreds of megabytes are given back to the system after
        # every layer, and on a CPU fetching them again takes longer than the convolutions
        few = max(1, PIXELS_AT_ONCE // (size[0] * size[1]))
        found = []
        for chunk in images.split(few):
            large = F.interpolate(chunk.float(), size, mode="bicubic", align_corners=False)
            found.append(F.adaptive_avg_pool2d(self(large.clamp(0, 1)), (height, width)))
        return torch.cat(found)


def check_pictures(images: Tensor) -> None:
    """Raise `ImageError` unless `images` is (B, 3, H, W) in [0, 1] with sides of at least 8 px."""
    if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < SMALLEST_SIDE:
        raise ImageError(
            f"`images` must be (B, 3, H, W) with sides from {SMALLEST_SIDE} px, got {tuple(images.shape)}"
        )
    low, high = (float(v) for v in images.aminmax()) if len(images) else (0.0, 0.0)
    if not (low >= 0 and high <= 1):
        raise ImageError(f"`images` must have values in [0, 1], got {low:g} to {high:g}")


def binarise(soft: Tensor, threshold: float = 0.5) -> Tensor:
    """Pixels whose edge strength is above `threshold`: bool, same shape."""
    check_range("threshold", threshold, 0, 1)
    return soft > threshold


def thin(binary: Tensor) -> Tensor:
    """Centre lines, one pixel wide, of edges (B, 1, H, W): bool, same shape and device.

    Thinning after Zhang and Suen 1984; it touches edge pixels only, about 2 ms for 256 x 256.

    Raises:
        ImageError: another shape.
    """
    if binary.ndim != 4 or binary.shape[1] != 1:
        raise ImageError(f"`binary` must be (B, 1, H, W), got {tuple(binary.shape)}")
    thinned = np.zeros(binary.shape, dtype=bool)
    for row, picture in enumerate(binary.detach().bool().cpu().numpy()):
        thinned[row, 0] = skeleton(picture[0])
    return torch.from_numpy(thinned).to(binary.device)


def draw_lines(binary: Tensor, width: float = 1.0) -> Tensor:
    """Black lines, `width` pixels wide, on white paper along the centre of the edges.

    Args:
        binary: edges (B, 1, H, W); thinned first.
        width: 1 to 64, in pixels.

    Returns:
        (B, 3, H, W) float in [0, 1], smooth at the borders of the lines.
    """
    check_range("width", width, 1, 64)
    centres = thin(binary).cpu().numpy()
    paper = np.ones(centres.shape, dtype=np.float32)
    for row, centre in enumerate(centres):
        if centre.any():
            paper[row, 0] -= np.clip(width / 2 + 0.5 - distance_to(centre[0]), 0, 1)
    return torch.from_numpy(paper).expand(-1, 3, -1, -1).contiguous().to(binary.device)


def suppress_non_maxima(
    soft: NDArray[np.float32], smooth: float = 2.0, border: int = 5
) -> NDArray[np.float32]:
    """Keep an edge pixel only where it is the crest of its line; soft edges (H, W), same range out.

    The direction across a line is where the smoothed map is most curved, down on the crest and up at
    its feet (the eigenvector of the Hessian whose eigenvalue is largest in size); a pixel stays if no
    neighbour one pixel away along it is stronger by more than 1 %.

    Args:
        soft: edge strength in [0, 1].
        smooth: sigma in pixels of the Gaussian before the Hessian.
        border: strengths fall off linearly within so many pixels of the picture's border, where
            the network sees padding.
    """
    curve = {
        order: ndimage.gaussian_filter(soft.astype(np.float64), smooth, order=order, mode="nearest")
        for order in ((2, 0), (1, 1), (0, 2))
    }
    angle = 0.5 * np.arctan2(2 * curve[1, 1], curve[0, 2] - curve[2, 0])
    angle += np.pi / 2 * (curve[0, 2] + curve[2, 0] < 0)
    y, x = np.mgrid[: soft.shape[0], : soft.shape[1]]
    dy, dx = np.sin(angle), np.cos(angle)
    crest = np.ones(soft.shape, dtype=bool)
    for sign in (-1, 1):
        places = np.stack([y + sign * dy, x + sign * dx])
        crest &= soft * 1.01 >= ndimage.map_coordinates(soft, places, order=1, mode="nearest")
    inside = np.minimum(np.minimum(y, y[::-1]), np.minimum(x, x[:, ::-1]))
    return (soft * crest * np.clip(inside / border, 0, 1)).astype(np.float32)
