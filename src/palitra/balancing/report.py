"""Numbers of all strategies over seeds, and what they are worth against two rivals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor

from palitra.balancing.comparison import Statistic, macro_f1, mean_interval, paired_bootstrap, recall_of
from palitra.balancing.kept import Outcome
from palitra.balancing.scores import SCORES
from palitra.balancing.strategies.catalogue import STRATEGIES
from palitra.metrics.bootstrap import Difference

NOTHING: Final = "nothing"
COMPARED: Final = ("macro_f1", "minority_recall")


@dataclass(frozen=True)
class Row:
    """One strategy: mean and half width of the 95 % interval over seeds of every score, recalls by class.

    against: differences by rival and score, where the strategy is not the rival itself.
    """

    name: str
    title: str
    generated: bool
    scores: Mapping[str, tuple[float, float]]
    recalls: Mapping[str, float]
    rows: Mapping[str, int]
    against: Mapping[str, Mapping[str, Difference]]


@dataclass(frozen=True)
class BalanceReport:
    """The comparison; `best_baseline` has the highest mean macro-F1 on the test rows among the baselines.

    cas: mean and half width of accuracy and macro-F1 after generated pictures alone, if asked for. tally:
    what became of the generated pictures of each class, summed over seeds.
    """

    rows: tuple[Row, ...]
    seeds: int
    best_baseline: str
    rare: tuple[str, ...]
    train: Mapping[str, int]
    test: Mapping[str, int]
    cas: Mapping[str, tuple[float, float]] | None
    tally: Mapping[str, Mapping[str, int]]
    protocol: str

    def row(self, name: str) -> Row:
        """The row of a strategy."""
        return next(r for r in self.rows if r.name == name)

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is not known is None."""
        return cast(dict[str, Any], _without_nan(asdict(self)))


def make_report(
    outcomes: Sequence[Sequence[Outcome]],
    cas: Sequence[Outcome],
    labels: Tensor,
    names: Sequence[str],
    rare: Sequence[int],
    protocol: str,
    resamples: int = 1000,
    tick: Callable[[], None] = lambda: None,
) -> BalanceReport:
    """Put kept outcomes together.

    Args:
        outcomes: for each seed the outcomes of the same strategies, `nothing` among them.
        cas: classification accuracy scores of the seeds, or none.
        labels: of the test rows (M,).
        names: of the classes.
        rare: numbers of the rare ones.
        protocol: how the numbers were made, in a sentence or two.
        resamples: of the bootstrap.
        tick: called after each resample.
    """
    of = {s.name: [o for seed in outcomes for o in seed if o.strategy == s.name] for s in STRATEGIES}
    of = {name: found for name, found in of.items() if found}
    means = {name: mean_interval([o.scores["macro_f1"] for o in found])[0] for name, found in of.items()}
    baselines = [s.name for s in STRATEGIES if s.name in of and not s.generated]
    best = max(baselines, key=lambda name: means[name])
    predicted = {name: torch.tensor([o.predictions for o in found]) for name, found in of.items()}
    statistics: dict[str, Statistic] = {"macro_f1": macro_f1, "minority_recall": recall_of(rare)}
    rows = []
    for strategy in (s for s in STRATEGIES if s.name in of):
        found = of[strategy.name]
        against = {}
        for rival in dict.fromkeys((NOTHING, best)):
            if rival != strategy.name:
                pair = predicted[strategy.name], predicted[rival]
                against[rival] = {
                    score: paired_bootstrap(
                        *pair, labels, len(names), statistic, resamples=resamples, tick=tick
                    )
                    for score, statistic in statistics.items()
                }
        numbers = {s: mean_interval([o.scores[s] for o in found]) for s in SCORES}
        recall = {n: mean_interval([o.recalls[k] for o in found])[0] for k, n in enumerate(names)}
        size = {n: round(sum(o.rows[k] for o in found) / len(found)) for k, n in enumerate(names)}
        rows.append(Row(strategy.name, strategy.title, strategy.generated, numbers, recall, size, against))
    counts = torch.bincount(labels, minlength=len(names)).tolist()
    return BalanceReport(
        rows=tuple(rows),
        seeds=len(outcomes),
        best_baseline=best,
        rare=tuple(names[k] for k in rare),
        train=dict(rows[0].rows),
        test=dict(zip(names, counts, strict=True)),
        cas={s: mean_interval([o.scores[s] for o in cas]) for s in ("accuracy", "macro_f1")} if cas else None,
        tally=_summed(outcomes),
        protocol=protocol,
    )


def comparisons(strategies: int) -> int:
    """Upper bound of resamplings that `make_report` makes, for a progress bar."""
    return 2 * len(COMPARED) * strategies


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _summed(outcomes: Sequence[Sequence[Outcome]]) -> dict[str, dict[str, int]]:
    """The tally of one generated strategy per seed: they share their pictures."""
    total: dict[str, dict[str, int]] = {}
    for seed in outcomes:
        tally: dict[str, dict[str, int]] = next((o.about["tally"] for o in seed if "tally" in o.about), {})
        for name, counts in tally.items():
            into = total.setdefault(name, dict.fromkeys(counts, 0))
            for key, count in counts.items():
                into[key] += count
    return total
