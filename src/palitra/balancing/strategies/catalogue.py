"""The strategies by name, baselines first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from palitra.balancing.strategies import (
    augmentation,
    class_weights,
    logit_adjustment,
    nothing,
    oversampling,
    smote,
    synthetic,
)
from palitra.balancing.strategies.strategy import Strategy
from palitra.errors import InputError

STRATEGIES: Final = (
    nothing.STRATEGY,
    oversampling.STRATEGY,
    augmentation.STRATEGY,
    oversampling.AUGMENTED,
    class_weights.STRATEGY,
    logit_adjustment.STRATEGY,
    smote.STRATEGY,
    synthetic.STRATEGY,
    synthetic.TUNED,
    synthetic.AUGMENTED,
)


def strategy_names() -> tuple[str, ...]:
    """All names."""
    return tuple(s.name for s in STRATEGIES)


def find_strategies(names: Sequence[str]) -> tuple[Strategy, ...]:
    """Strategies in the catalogue's order, `nothing` always among them.

    Raises:
        InputError: nobody knows a name.
    """
    unknown = [n for n in names if n not in strategy_names()]
    if unknown:
        raise InputError(f"`strategies` must be among {', '.join(strategy_names())}, got {unknown[0]}")
    return tuple(s for s in STRATEGIES if s.name in {*names, "nothing"})
