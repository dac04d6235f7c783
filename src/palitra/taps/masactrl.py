"""MasaCtrl's mutual self-attention (arXiv 2304.08465, section 3.2): the edit looks into the photo.

In the decoder's self-attentions the edit's queries meet the photo's keys and values, softmax(q_t k_s') v_s.
Both halves of guidance read the one branch of the photo, which stands for the published pair of them
where the photo is told the same in both halves. "union" lets the edit look into itself as well,
[k_s; k_t] and [v_s; v_t]. With masks the edit's foreground looks into the photo's foreground, and its
background into the background (section 3.3). All of it is done by other rows of the fused attention, so no
map is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.attention import Attend, Attention, AttentionTap
from palitra.core.rows import Rows
from palitra.core.step import Step, within
from palitra.errors import InputError, check_range
from palitra.models.unet_sites import side_share
from palitra.taps.photo_rows import PHOTO_BRANCH, READERS, with_photo_rows

START = 4 / 50
"""From the fifth of 50 steps on (section 4.1): before it the edit finds its layout."""

Masks = Callable[[Step], tuple[Tensor, Tensor]]
"""Foreground of the photo and of the edit, each (B, 1, h, w) in [0, 1]."""


def mutual_sites(sites: Iterable[str]) -> tuple[str, ...]:
    """The decoder's self-attentions of at least half the latent's side: layers 10 to 15 of SD 1.x."""
    every = list(sites)
    return tuple(
        s for s in every if s.startswith("up.") and s.endswith(".self.attend") and side_share(s, every) >= 0.5
    )


class MutualSelfAttention(AttentionTap):
    """Hands the photo's keys and values to the branches `readers` between two shares of the steps.

    union: readers that keep their own keys and values beside the photo's; the others lose theirs. masks:
    what is foreground, where cells of at least `threshold` count; without them every cell may look at
    every cell. A side without any foreground (or background) in the photo is looked at whole.
    Cost: one fused attention, two with masks, one over twice the keys with union.

    Raises:
        InputError: shares out of order, or a `threshold` outside [0, 1].
    """

    def __init__(
        self,
        sites: Iterable[str],
        since: float = START,
        until: float = 1.0,
        union: tuple[str, ...] = (),
        masks: Masks | None = None,
        threshold: float = 0.1,
        readers: tuple[str, ...] = READERS,
    ) -> None:
        check_range("since", since, 0, 1)
        check_range("until", until, since, 1)
        check_range("threshold", threshold, 0, 1)
        self.sites = "|".join(sites)
        self.branches = (PHOTO_BRANCH, *readers)
        self.since, self.until, self.union = since, until, union
        self.masks, self.threshold, self.readers = masks, threshold, readers

    def __call__(self, site: str, attention: Attention, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """Run the attention with the photo's keys and values in the readers' rows."""
        if not within(step.index, step.count, self.since, self.until):
            return attend(attention)
        k = with_photo_rows(f"{site} k", attention.k, rows, step, self.readers)
        v = with_photo_rows(f"{site} v", attention.v, rows, step, self.readers)
        own = torch.zeros(len(k), dtype=torch.bool, device=k.device)
        joined = [rows.here[name] for name in self.union if name in rows.here]
        for here in joined:
            own[here] = True
        if joined:
            # rows without union meet their keys twice, which gives what meeting them once gives
            side = own.view(-1, 1, 1, 1)
            k = torch.cat([k, torch.where(side, attention.k, k)], -2)
            v = torch.cat([v, torch.where(side, attention.v, v)], -2)
        routed = attention.changed(k=k, v=v)
        if self.masks is None:
            return attend(routed)
        return self._masked(routed, own, rows, step, attend)

    def _masked(self, routed: Attention, own: Tensor, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """Foreground looks at foreground, background at background; other rows at everything."""
        assert self.masks is not None
        length, total = routed.q.shape[-2], len(routed.q)
        photo, edit = (flat(m, length, step) >= self.threshold for m in self.masks(step))
        keys = torch.ones(2, total, length, dtype=torch.bool, device=photo.device)
        front = torch.ones(total, length, dtype=torch.bool, device=photo.device)
        for reader in self.readers:
            if reader in rows.here:
                here = rows.here[reader]
                keys[0, here], keys[1, here] = photo, ~photo
                front[here] = edit
        keys |= ~keys.any(-1, keepdim=True)
        if routed.k.shape[-2] > length:
            # the edit's own keys have the edit's own foreground
            mine = torch.stack([front, ~front])
            mine |= ~mine.any(-1, keepdim=True)
            keys = torch.cat([keys, torch.where(own.view(1, -1, 1), mine, keys)], -1)
        ways = []
        for side in keys[:, :, None, None, :]:
            mask = side if routed.mask is None else side & routed.mask
            ways.append(attend(replace(routed, mask=mask)))
        return torch.where(front[:, None, :, None], ways[0], ways[1])


def flat(mask: Tensor, length: int, step: Step) -> Tensor:
    """A mask (B, 1, h, w) by area on the level of `length` cells, (B, length)."""
    height, width = step.x.shape[-2:]
    rows = round((length * height / width) ** 0.5)
    return F.adaptive_avg_pool2d(mask.float(), (rows, length // rows)).flatten(1)


@dataclass(frozen=True, eq=False)
class GivenMasks:
    """Masks drawn by a person: the photo's and the edit's foreground, (B, 1, h, w) in [0, 1].

    Raises:
        InputError: another shape, two shapes, or values outside [0, 1].
    """

    photo: Tensor
    edit: Tensor

    def __post_init__(self) -> None:
        for name, mask in (("photo mask", self.photo), ("edit mask", self.edit)):
            if mask.dim() != 4 or mask.shape[1] != 1:
                raise InputError(f"`{name}` must have the shape (B, 1, h, w), got {tuple(mask.shape)}")
            check_range(name, float(mask.min()), 0, 1)
            check_range(name, float(mask.max()), 0, 1)
        if self.photo.shape != self.edit.shape:
            raise InputError(
                f"`edit mask` must have the photo mask's shape {tuple(self.photo.shape)}, "
                f"got {tuple(self.edit.shape)}"
            )

    def __call__(self, step: Step) -> tuple[Tensor, Tensor]:
        """The same in every step.

        Raises:
            InputError: the masks are not the latent's size.
        """
        wanted = (len(step.x), 1, *step.x.shape[-2:])
        if tuple(self.photo.shape) != wanted:
            raise InputError(f"`photo mask` must have the shape {wanted}, got {tuple(self.photo.shape)}")
        return self.photo.to(step.x.device), self.edit.to(step.x.device)
