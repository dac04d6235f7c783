"""Counts equal the formula; rows are drawn by seed; nothing is drawn that is not there."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from palitra.data.long_tail import exponential_counts, minority_counts, step_counts, thinned_rows
from palitra.errors import InputError


def test_counts_of_the_known_long_tails():
    # CIFAR-10-LT as everybody reports it
    assert exponential_counts(5000, 10, 100) == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert exponential_counts(5000, 10, 10)[-1] == 500
    assert step_counts(5000, 10, 100) == [5000] * 5 + [50] * 5
    assert step_counts(90, 3, 9) == [90, 90, 10]
    assert minority_counts([50, 60, 70], [1], 5) == [50, 5, 70]


@given(st.integers(100, 10_000), st.integers(2, 50), st.floats(1, 100))
def test_counts_fall_from_most_to_the_factor(most, classes, factor):
    counts = exponential_counts(most, classes, factor)
    assert counts[0] == most
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == pytest.approx(most / factor, abs=1)


def test_rows_have_the_counts_and_depend_on_the_seed_alone():
    labels = torch.arange(300) % 3
    rows = thinned_rows(labels, [100, 30, 3], seed=4)
    assert torch.bincount(labels[rows]).tolist() == [100, 30, 3]
    assert (rows.diff() > 0).all()
    assert rows.equal(thinned_rows(labels, [100, 30, 3], seed=4))
    assert not rows.equal(thinned_rows(labels, [100, 30, 3], seed=5))
    assert set(thinned_rows(labels, [0, 10, 0], seed=4).tolist()) < set(rows.tolist())


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"`factor` must be in \[1, 50\].*got 100"):
        exponential_counts(50, 10, 100)
    with pytest.raises(InputError, match=r"`classes` must be in \[2, .*got 1"):
        step_counts(50, 1, 2)
    with pytest.raises(InputError, match=r"`k` must be in \[1, 60\] for class 1, got 70"):
        minority_counts([50, 60], [1], 70)
    with pytest.raises(InputError, match=r"`counts` must be in \[0, 2\] for class 0, got 3"):
        thinned_rows(torch.tensor([0, 0, 1]), [3, 1])
    with pytest.raises(InputError, match=r"`labels` must be in \[0, 0\], got 1"):
        thinned_rows(torch.tensor([0, 0, 1]), [1])
