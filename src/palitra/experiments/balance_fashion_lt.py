"""Balancing a long tail made of Fashion-MNIST: 1,000 pictures of the first class, 10 of the last."""

from __future__ import annotations

from pathlib import Path

from palitra.data.long_tail import exponential_counts, thinned_rows
from palitra.experiments.balance_comparison import BalanceExperiment, Splits
from palitra.experiments.data_sets import check_set, read_splits

MOST = 1000
FACTOR = 100
TEST = 200


def read(data: Path, tiny: bool) -> Splits:
    """A long tail of the training pictures; 200 test pictures of every class, balanced and real."""
    train, test = read_splits(data, "fashion-mnist")
    counts = exponential_counts(20 if tiny else MOST, len(train.names), 4 if tiny else FACTOR)
    rows = thinned_rows(test.labels, [4 if tiny else TEST] * len(test.names))
    return train.rows(thinned_rows(train.labels, counts)), test.rows(rows)


def check(data: Path) -> None:
    """Raise `InputError` unless both splits are there."""
    check_set(data, "fashion-mnist")


EXPERIMENT = BalanceExperiment(
    name="balance_fashion_lt",
    title="Balancing a long tail of Fashion-MNIST with generated pictures",
    asked=(
        "Fashion-MNIST padded to 32 px, thinned exponentially from 1,000 pictures of the first class to 10 "
        "of the last (imbalance factor 100, arXiv 1906.07413). Does a small classifier get better when a "
        "generator fills up the tail?"
    ),
    read=read,
    check=check,
    flips="horizontal",
    budget=2.0,
)
