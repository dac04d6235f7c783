"""How well the lines of one edge map follow those of another: boundary F1 and Chamfer distance.

Both work on binary maps thinned to lines of one pixel (`palitra.data.edges.thin`), sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from palitra.data.strokes import distance_to
from palitra.errors import ImageError, InputError


@dataclass(frozen=True, eq=False)
class BoundaryScore:
    """Precision, recall and F1 in [0, 1], float64, one value per sample (B,) or their means ()."""

    precision: Tensor
    recall: Tensor
    f1: Tensor


def boundary_f1(pred: Tensor, target: Tensor, tolerance_px: float) -> BoundaryScore:
    """Share of lines that have a partner within `tolerance_px`.

    Precision counts predicted pixels near a target pixel (1 - precision: invented lines), recall
    counts target pixels near a predicted one (1 - recall: lines not followed), F1 is their harmonic
    mean. Pixels may share a partner; `palitra.metrics.edge_detection` matches one to one. A side
    without pixels has the value 1, so two empty maps score 1, and one empty map gives F1 0.

    Args:
        pred: thinned binary edges, (B, 1, H, W).
        target: the same for what was wanted.
        tolerance_px: largest distance of partners, Euclidean; 0.0075 of the diagonal is usual.

    Raises:
        ImageError: the maps differ in shape or are not (B, 1, H, W).
        InputError: negative tolerance.
    """
    if not tolerance_px >= 0:
        raise InputError(f"`tolerance_px` must be at least 0, got {tolerance_px:g}")
    near = tolerance_px + 1e-6  # distances are float32
    rows = [
        [(there <= near).mean() if there.size else 1.0 for there in _distances(p, t)]
        for p, t in _pairs(pred, target)
    ]
    precision, recall = torch.tensor(rows, dtype=torch.float64).view(-1, 2).unbind(1)
    both = precision + recall
    f1 = torch.where(both > 0, 2 * precision * recall / both.clamp_min(1e-12), 0.0)
    return BoundaryScore(precision, recall, f1)


def chamfer(pred: Tensor, target: Tensor, cap: float = 20) -> Tensor:
    """Symmetric Chamfer distance in pixels: mean distance of lines to the nearest other line.

    Half the mean over predicted pixels plus half the mean over target pixels, each distance cut at
    `cap`. Two empty maps have 0, one empty map gives `cap`.

    Args:
        pred: thinned binary edges, (B, 1, H, W).
        target: the same for what was wanted.
        cap: upper limit of a distance, so that one stray line does not decide.

    Returns:
        (B,) float64 in [0, cap].

    Raises:
        ImageError: the maps differ in shape or are not (B, 1, H, W).
        InputError: `cap` is not positive.
    """
    if not cap > 0:
        raise InputError(f"`cap` must be above 0, got {cap:g}")
    values = []
    for p, t in _pairs(pred, target):
        means = [
            float(np.minimum(there, cap).mean(dtype=np.float64)) for there in _distances(p, t) if there.size
        ]
        values.append(sum(means) / 2 if len(means) == 2 else cap * len(means))
    return torch.tensor(values, dtype=torch.float64)


@dataclass
class BoundaryF1:
    """Means of `boundary_f1` over all samples seen; `merge` joins the sums of another process."""

    tolerance_px: float
    sums: Tensor = field(default_factory=lambda: torch.zeros(3, dtype=torch.float64))
    count: int = 0

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add samples (B, 1, H, W); see `boundary_f1`."""
        score = boundary_f1(pred, target, self.tolerance_px)
        self.sums = self.sums + torch.stack([score.precision, score.recall, score.f1]).sum(1)
        self.count += len(score.f1)

    def merge(self, other: BoundaryF1) -> None:
        """Add what another accumulator of the same tolerance has seen."""
        if other.tolerance_px != self.tolerance_px:
            raise InputError(
                f"`tolerance_px` must be {self.tolerance_px:g} to merge, got {other.tolerance_px:g}"
            )
        self.sums, self.count = self.sums + other.sums, self.count + other.count

    def compute(self) -> BoundaryScore:
        """Mean precision, recall and F1 over samples; 0-d tensors."""
        _need_samples(self.count)
        return BoundaryScore(*(self.sums / self.count).unbind())


@dataclass
class Chamfer:
    """Mean of `chamfer` over all samples seen; `merge` joins the sums of another process."""

    cap: float = 20
    total: float = 0.0
    count: int = 0

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add samples (B, 1, H, W); see `chamfer`."""
        values = chamfer(pred, target, self.cap)
        self.total += float(values.sum())
        self.count += len(values)

    def merge(self, other: Chamfer) -> None:
        """Add what another accumulator of the same cap has seen."""
        if other.cap != self.cap:
            raise InputError(f"`cap` must be {self.cap:g} to merge, got {other.cap:g}")
        self.total, self.count = self.total + other.total, self.count + other.count

    def compute(self) -> float:
        """Mean distance in pixels over samples."""
        _need_samples(self.count)
        return self.total / self.count


def _need_samples(count: int) -> None:
    if count == 0:
        raise InputError("`samples` must be at least 1 before compute, got 0")


def _pairs(pred: Tensor, target: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Samples as pairs of bool (H, W) arrays."""
    if pred.ndim != 4 or pred.shape[1] != 1 or pred.shape != target.shape:
        raise ImageError(
            f"`pred` and `target` must be (B, 1, H, W), got {tuple(pred.shape)} and {tuple(target.shape)}"
        )
    both = [m.detach().bool().cpu().numpy()[:, 0] for m in (pred, target)]
    return list(zip(*both, strict=True))


def _distances(pred: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of predicted pixels to the target, and of target pixels to the prediction.

    Without any line to go to, a distance is infinite.
    """
    far = np.full(pred.shape, np.inf, dtype=np.float32)
    to_target = distance_to(target) if target.any() else far
    to_pred = distance_to(pred) if pred.any() else far
    return to_target[pred], to_pred[target]
