"""Local blend of Prompt-to-Prompt (arXiv 2208.01626, section 4): outside of the words' place the photo stays.

The place is where the photo's or the edit's blend words look at 16 x 16 cells: edited maps summed over all
steps so far, spread by a 3 x 3 maximum, divided by their largest value, above a threshold. Two forms are
published: the first blends from the first step on, that of null-text inversion (arXiv 2211.09794), which is
the default here, after a fifth of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step
from palitra.errors import InputError, check_range
from palitra.taps.edited_word_maps import EDITED_MAPS, EditedWordMaps


class LocalBlend(Guider):
    """After each step puts the photo's latent back outside of the place of the blend words.

    sites: cross-attentions of one level. source_words, target_words: the blend words' tokens, (B, L); a row
    without any in either is left alone. track: the photo's latents, entry i + 1 that after step i: a
    recorded trajectory, or one sampled by a guider that stands before this one. since: share of the steps.
    Stand it after the taps that edit cross-attention. The source must run in every step.
    Cost: one more attention at the sites.

    Raises:
        InputError: tables of two shapes, `threshold` or `since` outside [0, 1].
    """

    def __init__(
        self,
        sites: Sequence[str],
        source_words: Tensor,
        target_words: Tensor,
        track: Sequence[Tensor],
        threshold: float = 0.3,
        since: float = 0.2,
        names: tuple[str, str] = ("source", "target"),
    ) -> None:
        if source_words.shape != target_words.shape:
            raise InputError(
                f"`target_words` must have the shape of the source's, {tuple(source_words.shape)}, "
                f"got {tuple(target_words.shape)}"
            )
        check_range("threshold", threshold, 0, 1)
        check_range("since", since, 0, 1)
        self.track, self.threshold, self.since, self.names = track, threshold, since, names
        self.blended = ((source_words != 0).any(1) & (target_words != 0).any(1)).view(-1, 1, 1, 1)
        self.taps = (EditedWordMaps(sites, dict(zip(names, (source_words, target_words), strict=True))),)
        self._sums: dict[str, Tensor] = {}

    def combine(self, step: Step, merged: Prediction | None) -> Prediction | None:
        """Add this step's maps to those before; the prediction stays as it is."""
        if step.stage == 0:
            if step.index == 0:
                self._sums.clear()
            for name in self.names:
                maps = step.seen[name, EDITED_MAPS]
                self._sums[name] = self._sums[name] + maps if name in self._sums else maps
        return merged

    def project(self, x: Tensor, u: int, index: int, count: int) -> Tensor:
        """The edit inside of the place, the photo outside of it."""
        if index < int(self.since * count + 1e-9):
            return x
        photo = self.track[index + 1]
        source, target = (place(self._sums[name], x, self.threshold) for name in self.names)
        changed = source | target | ~self.blended.to(x.device)
        return photo + changed.to(x.dtype) * (x - photo)


def place(maps: Tensor, x: Tensor, threshold: float) -> Tensor:
    """Where maps (B, 1, h', w') are strong, as a mask (B, 1, h, w) for latents x (B, C, h, w)."""
    spread = F.max_pool2d(maps, 3, stride=1, padding=1)
    large = F.interpolate(spread, size=x.shape[-2:], mode="nearest")
    return large > threshold * large.amax((2, 3), keepdim=True)
