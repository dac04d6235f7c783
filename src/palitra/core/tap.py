"""Taps: what is read or changed inside the network, at named sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from torch import Tensor

from palitra.core.attention import Attend, Attention, AttentionTap, attend
from palitra.core.rows import Rows
from palitra.core.sites import matches
from palitra.core.step import Step


class Tap(Protocol):
    """Called with every value that passes a site of `sites`; returns it, changed or not.

    A tap that also names its `branches` is left out of calls that hold none of them.
    """

    @property
    def sites(self) -> str:
        """Pattern of the sites it wants."""
        ...

    def __call__(self, site: str, value: Tensor, rows: Rows, step: Step) -> Tensor:
        """`value` has the batch first; `rows` says which samples belong to which branch."""
        ...


def concerns(tap: Tap | AttentionTap, rows: Rows) -> bool:
    """Whether a call with these rows holds a branch of the tap."""
    branches: tuple[str, ...] | None = getattr(tap, "branches", None)
    return branches is None or any(name in rows.here for name in branches)


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
    gradient's graph, because no energy looks at the prediction itself. `checkpoint` asks it to keep only
    block inputs for the gradient and to make the rest again.
    """

    taps: Sequence[Tap | AttentionTap]
    rows: Rows
    step: Step
    cut_above_taps: bool = False
    checkpoint: bool = False

    def __call__(self, site: str, value: Tensor) -> Tensor:
        """Pass a value through every tap that wants its site, in order."""
        for tap in self.taps:
            if not isinstance(tap, AttentionTap) and matches(site, tap.sites):
                value = tap(site, value, self.rows, self.step)
        return value

    def attend(self, site: str, attention: Attention, inner: Attend = attend) -> Tensor:
        """Run an attention inside every tap that wants its site; the last tap stands outermost."""
        for tap in self.taps:
            if isinstance(tap, AttentionTap) and matches(site, tap.sites):
                inner = partial(_around, tap, site, self.rows, self.step, inner)
        return inner(attention)

    def wants(self, site: str) -> bool:
        """Whether any tap looks at `site`."""
        routed = site.endswith(".attend")
        return any(isinstance(tap, AttentionTap) is routed and matches(site, tap.sites) for tap in self.taps)


def _around(
    tap: AttentionTap, site: str, rows: Rows, step: Step, inner: Attend, attention: Attention
) -> Tensor:
    return tap(site, attention, rows, step, inner)
