"""Adds a sketch adapter's maps to the encoder (T2I-Adapter, Mou et al., arXiv 2302.08453, eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.errors import InputError


class SketchAdapterTap:
    """F_i <- F_i + strength M_i at the adapter's sites, in every branch alike.

    maps: (1 or B, C_i, h_i, w_i), one a site; a batch of 1 serves all samples, one of B the B samples of each
    branch. strength: at least 0; 0 changes nothing.

    Raises:
        InputError: `strength` below 0.
    """

    def __init__(self, sites: Sequence[str], maps: Sequence[Tensor], strength: float = 1.0) -> None:
        if strength < 0:
            raise InputError(f"`strength` must be at least 0, got {strength:g}")
        self.sites = "|".join(sites)
        self.maps = dict(zip(sites, maps, strict=True))
        self.strength = strength

    def __call__(self, site: str, value: Tensor, rows: Rows, step: Step) -> Tensor:
        """`value` (N, C_i, h_i, w_i) with the map added to each branch's samples."""
        if self.strength == 0:
            return value
        added = self.strength * self.maps[site].to(value)
        if len(added) > 1:
            added = added.repeat(len(value) // len(added), 1, 1, 1)
        return value + added
