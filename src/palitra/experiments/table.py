"""Markdown tables of kept trials: a row per configuration, mean and standard deviation over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from palitra.experiments.trial import Kept


def plain(value: float) -> str:
    """Three digits, without exponents for usual sizes."""
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.2e}"
    digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def percent(value: float) -> str:
    """A share as per cent."""
    return f"{100 * value:.1f} %"


def whole(value: float) -> str:
    """A count."""
    return f"{value:,.0f}"


@dataclass(frozen=True)
class Column:
    """`number` is the name of a number, or its beginning before an @ (`fid` finds `fid@eye`)."""

    title: str
    number: str
    form: Callable[[float], str] = plain


def by_name(kept: Sequence[Kept]) -> dict[str, list[Kept]]:
    """Trials of each configuration, in the order given."""
    groups: dict[str, list[Kept]] = {}
    for one in kept:
        groups.setdefault(one.trial.name, []).append(one)
    return groups


def values_of(kept: Sequence[Kept], number: str) -> list[float]:
    """A number over the trials that have it."""
    found = []
    for one in kept:
        for name, value in one.findings.numbers.items():
            if value is not None and number in (name, name.split("@")[0]):
                found.append(value)
                break
    return found


def full_name(kept: Sequence[Kept], number: str) -> str:
    """`fid@eye` for `fid`, the name itself where nothing carries it."""
    names = dict.fromkeys(n for one in kept for n in one.findings.numbers if number in (n, n.split("@")[0]))
    return " / ".join(names) or number


def mean_and_spread(values: Sequence[float], form: Callable[[float], str] = plain) -> str:
    """`mean ± standard deviation`; the value alone for one; a dash for none."""
    if not values:
        return "-"
    mean = form(statistics.fmean(values))
    return mean if len(values) == 1 else f"{mean} ± {form(statistics.stdev(values))}"


def trial_table(
    kept: Sequence[Kept],
    columns: Sequence[Column],
    first: str = "model",
    titles: Mapping[str, str] | None = None,
) -> list[str]:
    """A row per configuration; trials that broke down are counted in the last column if there are any."""
    groups = by_name(kept)
    broken = any(one.failed for one in kept)
    head = [first, *(c.title for c in columns), "seeds", *(["broke down"] if broken else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, group in groups.items():
        done = [one for one in group if one.failed is None]
        cells = [
            (titles or {}).get(name, name),
            *(mean_and_spread(values_of(done, c.number), c.form) for c in columns),
            str(len(done)),
            *([str(len(group) - len(done))] if broken else []),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
