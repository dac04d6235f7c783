"""Means and spreads against numbers worked out by hand."""

import pytest

from palitra.experiments.table import (
    Column,
    full_name,
    mean_and_spread,
    percent,
    plain,
    trial_table,
    values_of,
    whole,
)
from palitra.experiments.trial import Findings, Kept, Trial


def kept(name, seed, failed=None, **numbers):
    numbers = {k.replace("_at_", "@"): v for k, v in numbers.items()}
    return Kept(Trial(name, seed), Findings(numbers, ""), None, failed)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234.5, "1,234"),
        (12.345, "12.3"),
        (0.12345, "0.123"),
        (0.00012, "1.20e-04"),
        (2e7, "2.00e+07"),
    ],
)
def test_three_digits(value, text):
    assert plain(value) == text


def test_mean_and_spread():
    assert mean_and_spread([]) == "-"
    assert mean_and_spread([2.0]) == "2.00"
    assert mean_and_spread([1.0, 2.0, 3.0]) == "2.00 ± 1.00"
    assert mean_and_spread([0.5, 0.7], percent) == "60.0 % ± 14.1 %"


def test_rows_columns_gaps_and_broken_trials():
    rows = [
        kept("a", 0, fid_at_eye=1.0, n=1000, agreement=0.5),
        kept("a", 1, fid_at_eye=3.0, n=1000, agreement=None),
        kept("b", 0, failed="why"),
    ]
    lines = trial_table(
        rows, [Column("fid@eye", "fid"), Column("n", "n", whole), Column("ag", "agreement", percent)]
    )
    assert lines[0] == "| model | fid@eye | n | ag | seeds | broke down |"
    assert lines[2] == "| a | 2.00 ± 1.41 | 1,000 ± 0 | 50.0 % | 2 | 0 |"
    assert lines[3] == "| b | - | - | - | 0 | 1 |"
    assert full_name(rows, "fid") == "fid@eye"
    assert full_name(rows, "other") == "other"
    assert values_of(rows, "fid") == [1.0, 3.0]
