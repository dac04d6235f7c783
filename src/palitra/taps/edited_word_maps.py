"""Where words look in the picture after every edit of the attention, by routing alone.

A map summed over some words is what the attention gives for values that are 1 at these words and 0
elsewhere. Handed through the taps that stand inside this one, such values come back as the edited map,
whatever the edits are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from palitra.core.attention import Attend, Attention, AttentionTap
from palitra.core.rows import Rows
from palitra.core.step import Step

EDITED_MAPS = "edited word maps"


class EditedWordMaps(AttentionTap):
    """Leaves in `step.seen[branch, EDITED_MAPS]` the words' maps, summed over heads, words and sites.

    words: by branch, what each token counts, (B, L). Maps: (B, 1, h', w'); all `sites` must be of one level.
    Stand it after (outside) the taps whose edits it is to see. Cost: one more attention at these sites.
    """

    def __init__(self, sites: Sequence[str], words: Mapping[str, Tensor]) -> None:
        self.sites, self.words = "|".join(sites), dict(words)
        self.branches = tuple(words)

    def __call__(self, site: str, attention: Attention, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """Run the words instead of the values as well."""
        total, heads, length, _ = attention.v.shape
        marked = attention.v.new_zeros(total, 1, length, 1)
        here = {branch: rows.here[branch] for branch in self.words if branch in rows.here}
        for branch, place in here.items():
            marked[place, 0, :, 0] = self.words[branch].to(marked)
        maps = attend(attention.changed(v=marked.expand(-1, heads, -1, -1))).float().sum((1, 3))
        height, width = step.x.shape[-2:]
        side = round((maps.shape[1] * height / width) ** 0.5)
        for branch, place in here.items():
            made = maps[place].detach().unflatten(1, (side, -1)).unsqueeze(1)
            before = step.seen.get((branch, EDITED_MAPS))
            step.seen[branch, EDITED_MAPS] = made if before is None else before + made
        return attend(attention)
