"""Where a wish does not touch a photo: found from what the model says of it under both words.

On the photo's own path the predictions under source and target words differ where the wish acts (DiffEdit,
arXiv 2210.11427, section 3.2, there on noised photos; the two masks of LEDITS++ and of proximal guidance read
the same difference while they edit). Here it is read before the edit, for every method alike, smoothed,
cut at a share of its mean and grown by a cell; what lies outside comes back bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step
from palitra.guiders.cfg import ClassifierFree
from palitra.recipes.editing.job import EditJob

LOOKS = 4
"""How often the path is looked at, between these shares of the way from noise to photo."""
BETWEEN = (0.3, 0.6)
CUT = 1.5
"""A place is touched when its difference is above this multiple of the mean."""


def keep_mask(job: EditJob) -> Tensor:
    """Where each row's picture may change, (B, 1, h, w) of 0 and 1; all of it where nothing stands out.

    Cost: two forwards for each of four looks, beside the trajectory that the method needs anyway.
    """
    path, times = job.trajectory(), job.times
    count = len(times) - 1
    low, high = (round(share * (count - 1)) for share in BETWEEN)
    difference = _Difference(job)
    predictor = job.predictor([difference])
    for index in torch.linspace(low, high, LOOKS).round().int().tolist():
        predictor(path[index], times[index], index, count)
    job.cost.add(predictor)
    return touched(torch.stack(difference.seen).mean(0))


def touched(difference: Tensor, cut: float = CUT) -> Tensor:
    """Smooth, cut and grow a difference (B, 1, h, w) >= 0 into a mask of 0 and 1."""
    ones = torch.ones_like(difference)
    near = F.avg_pool2d(difference, 3, 1, 1) / F.avg_pool2d(ones, 3, 1, 1)
    mask = (near > cut * near.mean((2, 3), keepdim=True)).float()
    grown = F.max_pool2d(mask, 3, 1, 1)
    nothing = grown.sum((2, 3), keepdim=True) == 0
    return torch.where(nothing, ones, grown)


def picture_mask(mask: Tensor, size: Sequence[int]) -> Tensor:
    """A latent mask (B, 1, h, w) for pictures of `size`: 0 outside, soft towards 1 inside."""
    height, width = size
    whole = F.interpolate(mask.float().cpu(), size=(height, width), mode="nearest")
    reach = 2 * (height // mask.shape[-2] // 2) + 1
    # minimum pooling first, so that the blur does not reach outside
    inner = -F.max_pool2d(-F.pad(whole, (reach // 2,) * 4, value=1.0), reach, 1)
    soft = F.avg_pool2d(F.pad(inner, (reach // 2,) * 4, mode="replicate"), reach, 1)
    return soft * whole


class _Difference(Guider):
    """Runs both words and keeps how far apart they are, (B, 1, h, w) a call."""

    def __init__(self, job: EditJob) -> None:
        self.guide = ClassifierFree(job.target, job.source, 1.0, names=("target", "source"))
        self.branches = self.guide.branches
        self.seen: list[Tensor] = []

    def combine(self, step: Step, merged: Prediction | None) -> Prediction | None:
        """Keep the difference; predict as the target's words do."""
        one, other = step.predictions["target"], step.predictions["source"]
        self.seen.append((one.eps - other.eps).abs().mean(1, keepdim=True))
        return self.guide.combine(step, merged)
