"""Plug-and-Play (arXiv 2211.12572, section 4): the photo's features and attention in the edit's network.

Two taps: spatial features of one decoder block, taken before its skip is added because the skip is the
edit's own; and the queries and keys of the decoder's self-attentions, so that the edit's values are mixed by
the photo's map, softmax(q_s k_s') v_t, which is never made. Both halves of guidance are given them.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from palitra.core.attention import Attend, Attention, AttentionTap
from palitra.core.rows import Rows
from palitra.core.step import Step, within
from palitra.errors import check_range
from palitra.taps.photo_rows import PHOTO_BRANCH, READERS, with_photo_rows

FEATURES = "up.1.res.1.conv2"
"""Published as layer 4 of the decoder, in SD 1.x 1280 channels of 16 x 16."""


def plugged_sites(sites: Iterable[str]) -> tuple[str, ...]:
    """All self-attentions of the decoder but the first: its layers 4 to 11 in SD 1.x."""
    return tuple(s for s in sites if s.startswith("up.") and s.endswith(".self.attend"))[1:]


class FeatureInjection:
    """Gives the readers the photo's features at `sites` in the first `until` of the steps.

    Raises:
        InputError: `until` outside [0, 1].
    """

    def __init__(self, sites: str = FEATURES, until: float = 0.8, readers: tuple[str, ...] = READERS) -> None:
        check_range("until", until, 0, 1)
        self.sites, self.until, self.readers = sites, until, readers
        self.branches = (PHOTO_BRANCH, *readers)

    def __call__(self, site: str, value: Tensor, rows: Rows, step: Step) -> Tensor:
        """Features (B, C, h, w) with the readers' rows replaced."""
        if not within(step.index, step.count, 0, self.until):
            return value
        return with_photo_rows(site, value, rows, step, self.readers)


class AttentionInjection(AttentionTap):
    """Gives the readers the photo's queries and keys at `sites` in the first `until` of the steps.

    Raises:
        InputError: `until` outside [0, 1].
    """

    def __init__(self, sites: Iterable[str], until: float = 0.5, readers: tuple[str, ...] = READERS) -> None:
        check_range("until", until, 0, 1)
        self.sites, self.until, self.readers = "|".join(sites), until, readers
        self.branches = (PHOTO_BRANCH, *readers)

    def __call__(self, site: str, attention: Attention, rows: Rows, step: Step, attend: Attend) -> Tensor:
        """The readers' values mixed by the photo's map."""
        if not within(step.index, step.count, 0, self.until):
            return attend(attention)
        q = with_photo_rows(f"{site} q", attention.q, rows, step, self.readers)
        k = with_photo_rows(f"{site} k", attention.k, rows, step, self.readers)
        return attend(attention.changed(q=q, k=k))
