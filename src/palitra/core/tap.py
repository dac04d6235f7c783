"""Taps: what is read or changed inside the network, at named sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from palitra.core.sites import matches
from palitra.core.step import Step


@dataclass(frozen=True, eq=False)
class Rows:
    """Where each branch lies in the batch now running."""

    here: dict[str, slice]

    def get(self, branch: str, site: str, value: Tensor, step: Step) -> Tensor:
        """The branch's part of `value`, or what an earlier call of this step recorded at `site`."""
        return value[self.here[branch]] if branch in self.here else step.seen[branch, site]


class Tap(Protocol):
    """Called with every value that passes a site of `sites`; returns it, changed or not."""

    @property
    def sites(self) -> str:
        """Pattern of the sites it wants."""
        ...

    def __call__(self, site: str, value: Tensor, rows: Rows, step: Step) -> Tensor:
        """`value` has the batch first; `rows` says which samples belong to which branch."""
        ...


@dataclass(frozen=True)
class Record:
    """A tap that only reads: keeps what passes its sites in `step.seen`, per branch."""

    sites: str
    branches: tuple[str, ...]

    def __call__(self, site: str, value: Tensor, rows: Rows, step: Step) -> Tensor:
        """Keep the rows of the wanted branches."""
        for name in self.branches:
            if name in rows.here:
                step.seen[name, site] = value[rows.here[name]]
        return value


@dataclass(frozen=True, eq=False)
class Bus:
    """Handed to the denoiser with every call; carries values to the taps and back.

    `cut_above_taps` allows the denoiser to leave everything above the last tapped site out of the
    gradient's graph, because no energy looks at the prediction itself.
    """

    taps: Sequence[Tap]
    rows: Rows
    step: Step
    cut_above_taps: bool = False

    def __call__(self, site: str, value: Tensor) -> Tensor:
        """Pass a value through every tap that wants its site, in order."""
        for tap in self.taps:
            if matches(site, tap.sites):
                value = tap(site, value, self.rows, self.step)
        return value

    def wants(self, site: str) -> bool:
        """Whether any tap looks at `site`."""
        return any(matches(site, tap.sites) for tap in self.taps)
