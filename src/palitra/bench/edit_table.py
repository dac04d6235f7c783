"""Tables of a run: a row per edit in one CSV, a row per method in Markdown, with bootstrap intervals."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from palitra.bench.edit_run import EditCost
from palitra.bench.edit_scores import Values
from palitra.metrics.bootstrap import Interval, bootstrap_means

BACKWARD = 1.15
"""A backward of the whole network to its input, in forwards (measured on the network of SD 1.x)."""


@dataclass(frozen=True)
class Mean:
    """A mean over edits and its interval; None where no edit has the number."""

    value: float
    interval: Interval
    count: int


@dataclass(frozen=True)
class ArmResult:
    """All that is known of one arm."""

    name: str
    costs: Sequence[EditCost]
    scores: Mapping[str, Values]
    swap: Mapping[str, float]

    def types(self) -> list[str]:
        """Kinds of edits in the order they come."""
        return list(dict.fromkeys(cost.type for cost in self.costs))

    def mean(self, score: str, kind: str | None = None) -> Mean | None:
        """Mean of a score over the edits of a kind, without infinite ones (PSNR of equal pictures)."""
        wanted = {cost.id for cost in self.costs if kind in (None, cost.type)}
        values = [
            v[score] for i, v in self.scores.items() if i in wanted and score in v and math.isfinite(v[score])
        ]
        if not values:
            return None
        value, interval = bootstrap_means(torch.tensor(values, dtype=torch.float64))
        return Mean(value, interval, len(values))

    def cost(self, number: str, kind: str | None = None) -> float:
        """Mean of a cost over the edits of a kind."""
        values = [getattr(cost, number) for cost in self.costs if kind in (None, cost.type)]
        return sum(values) / len(values) if values else math.nan

    def forward_units(self, kind: str | None = None) -> float:
        """Forwards of an edit, a backward counted as 1.15 of one, wherever its graph ends."""
        return self.cost("forwards", kind) + BACKWARD * self.cost("backwards", kind)


def write_rows(path: Path, arms: Sequence[ArmResult]) -> None:
    """One CSV with a row per edit of every arm: id, type, method, costs, scores."""
    names = list(dict.fromkeys(n for arm in arms for v in arm.scores.values() for n in v))
    costs = ("seconds", "calls", "forwards", "backwards", "peak_mb")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "type", "method", *costs, *names])
        for arm in arms:
            for cost in arm.costs:
                values = arm.scores.get(cost.id, {})
                row = [cost.id, cost.type, arm.name, *(getattr(cost, c) for c in costs)]
                writer.writerow([*row, *(values.get(n, "") for n in names)])


def markdown(arms: Sequence[ArmResult], kind: str | None = None) -> str:
    """A row per arm: scores with intervals at 95 %, class-swap distances, seconds, forwards, memory."""
    scores = [
        name
        for name in dict.fromkeys(n for arm in arms for v in arm.scores.values() for n in v)
        if any(arm.mean(name, kind) for arm in arms)
    ]
    swaps = list(dict.fromkeys(n for arm in arms for n in arm.swap)) if kind is None else []
    head = ["method", *scores, *swaps, "s", "forwards", "backwards", "MB"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for arm in arms:
        cells = [arm.name, *(_cell(arm.mean(name, kind)) for name in scores)]
        cells += [_number(arm.swap[name]) if name in arm.swap else "" for name in swaps]
        cells += [f"{arm.cost('seconds', kind):.2f}", f"{arm.cost('forwards', kind):.0f}"]
        cells += [f"{arm.cost('backwards', kind):.0f}", f"{arm.cost('peak_mb', kind):.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(mean: Mean | None) -> str:
    if mean is None:
        return ""
    return f"{_number(mean.value)} [{_number(mean.interval.low)}, {_number(mean.interval.high)}]"


def _number(value: float) -> str:
    """Three digits."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}" if digits < 6 else f"{value:.2e}"
