"""Everything that decides how a comparison comes out, except the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from palitra.balancing.classifier import Budget
from palitra.balancing.generator import GeneratorChoice
from palitra.balancing.near_duplicates import LEAST
from palitra.balancing.sieve import SieveSettings
from palitra.balancing.strategies.catalogue import find_strategies, strategy_names
from palitra.errors import InputError, check_range


@dataclass(frozen=True)
class BalanceSettings:
    """What `palitra balance` asks for.

    rare: classes to fill (default: all below the mean). target: share of the gap to the largest class that
    is filled, in (0, 1]. weight: loss weight of synthetic rows, in [0, 1]. validation, test_share: shares of
    every class that are cut off, the latter where no test set is given. cas: generated pictures that the
    classification accuracy score learns from, 0 to leave it out. near_duplicates: pictures whose pixels
    correlate above this count as one when sides are cut, in [0.5, 1]; None: equal pixels alone do.
    """

    rare: tuple[str, ...] = ()
    target: float = 1.0
    weight: float = 0.5
    seeds: int = 5
    strategies: tuple[str, ...] = field(default_factory=strategy_names)
    generator: GeneratorChoice = field(default_factory=GeneratorChoice)
    sieve: SieveSettings = field(default_factory=SieveSettings)
    budget: Budget = field(default_factory=Budget)
    validation: float = 0.15
    test_share: float = 0.25
    cas: int = 2000
    resamples: int = 1000
    near_duplicates: float | None = None

    def check(self) -> None:
        """Raise `InputError` for a value out of bounds, `ModelNotFoundError` for an unknown model."""
        check_range("target", self.target, 0.01, 1)
        check_range("weight", self.weight, 0, 1)
        check_range("seeds", self.seeds, 1, 1000)
        check_range("validation", self.validation, 0.01, 0.5)
        check_range("test_share", self.test_share, 0.01, 0.5)
        check_range("cas", self.cas, 0, 1_000_000)
        check_range("resamples", self.resamples, 1, 1_000_000)
        if self.near_duplicates is not None:
            check_range("near_duplicates", self.near_duplicates, LEAST, 1)
        check_range("samples", self.budget.samples, 1, 10**9)
        check_range("batch", self.budget.batch, 2, 65536)
        check_range("width", self.budget.width, 4, 512)
        if self.budget.flips not in ("none", "horizontal", "both"):
            raise InputError(f"`flips` must be none, horizontal or both, got {self.budget.flips}")
        self.sieve.check()
        self.generator.config(0)
        find_strategies(self.strategies)

    def deciding(self) -> dict[str, Any]:
        """What every kept result depends on, as JSON values: seeds and strategies may be added later."""
        values = asdict(self)
        for name in ("seeds", "strategies", "resamples"):
            del values[name]
        values["generator"]["changes"] = list(self.generator.changes)
        values["rare"] = list(self.rare)
        if self.near_duplicates is None:
            # as it was before there was such a choice
            del values["near_duplicates"]
        return values
