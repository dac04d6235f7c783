"""Keeps what passes chosen sites for later runs, by the time of the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from palitra.core.rows import Rows
from palitra.core.step import Step


@dataclass(frozen=True, eq=False)
class Keep:
    """A tap that only reads: `kept[t, site]` is the branch's value there, detached.

    `wanted` says at which times. Values keep their device and dtype, or take `dtype`.
    """

    sites: str
    branch: str
    wanted: Callable[[int], bool] = lambda t: True
    dtype: torch.dtype | None = None
    kept: dict[tuple[int, str], Tensor] = field(default_factory=dict)

    @property
    def branches(self) -> tuple[str, ...]:
        """The one branch."""
        return (self.branch,)

    def __call__(self, site: str, value: Tensor, rows: Rows, step: Step) -> Tensor:
        """Keep the branch's rows."""
        if self.wanted(step.t):
            mine = value[rows.here[self.branch]].detach()
            self.kept[step.t, site] = mine.clone() if self.dtype is None else mine.to(self.dtype)
        return value
