"""Where chosen words look in the picture: cross-attention maps at about 16 x 16 cells.

Only the maps of these few coarse attentions are made, 8 x 256 x 77 values each in SD 1.x.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from palitra.core.attention import Attend, Attention, AttentionTap
from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.models.unet_sites import side_share

MAPS = "word maps"
MOST_CELLS = 16


def map_sites(sites: Iterable[str], side: int) -> tuple[str, ...]:
    """The cross-attentions of the finest level whose maps have at most 16 cells a side.

    side: of the latent. SD 1.x at 64: the five of 16 x 16.
    """
    every = list(sites)
    cross = {s: round(side * side_share(s, every)) for s in every if s.endswith(".cross.attend")}
    finest = max((cells for cells in cross.values() if cells <= MOST_CELLS), default=min(cross.values()))
    return tuple(s for s, cells in cross.items() if cells == finest)


class WordMaps(AttentionTap):
    """Leaves in `step.seen[branch, MAPS]` the words' maps, summed over heads, words and sites so far.

    words: by branch, what each token counts, (B, tokens). The maps have the shape (B, 1, h', w'); all
    `sites` must be of one level. The attention itself is not changed.
    """

    def __init__(self, sites: Sequence[str], words: Mapping[str, Tensor]) -> None:
        self.sites, self.words = "|".join(sites), dict(words)
        self.branches = tuple(words)

    def __call__(self, site: str, attention: Attention, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """Add this attention's maps of the words."""
        for branch, words in self.words.items():
            if branch not in rows.here:
                continue
            here = rows.here[branch]
            mine = Attention(attention.q[here], attention.k[here], attention.v[here], attention.scale)
            maps = mine.probabilities().sum(1)
            maps = maps @ words.to(maps)[:, :, None]
            height, width = step.x.shape[-2:]
            made = maps.view(len(maps), 1, round((maps.shape[1] * height / width) ** 0.5), -1)
            before = step.seen.get((branch, MAPS))
            step.seen[branch, MAPS] = made if before is None else before + made
        return attend(attention)


def stretched(maps: Tensor) -> Tensor:
    """Maps (B, 1, h, w) moved to [0, 1] by their least and largest value; a level map becomes 1."""
    low, high = maps.amin((1, 2, 3), keepdim=True), maps.amax((1, 2, 3), keepdim=True)
    # a row without words has no map to tell parts by
    return torch.where(high > low, (maps - low) / (high - low).clamp_min(1e-30), torch.ones_like(maps))


def word_masks(step: Step, photo: str = "source", edit: str = "target") -> tuple[Tensor, Tensor]:
    """Foreground of the photo and of the edit by their own words (MasaCtrl, section 3.3), in [0, 1]."""
    return stretched(step.seen[photo, MAPS]), stretched(step.seen[edit, MAPS])
