"""Intervals: equals hold 0, a clear gain does not, seeds widen."""

import math

import pytest
import torch

from palitra.balancing.comparison import macro_f1, mean_interval, paired_bootstrap, recall_of
from palitra.errors import InputError

LABELS = torch.tensor([0] * 60 + [1] * 12)


def predictions(right, seeds=3):
    """Each class right with a chance, errors go to the other class."""
    generator = torch.Generator().manual_seed(0)
    wrong = torch.rand(seeds, len(LABELS), generator=generator) > right
    return torch.where(wrong, 1 - LABELS, LABELS)


def test_equal_results_contain_0():
    same = predictions(0.8)
    found = paired_bootstrap(same, same, LABELS, 2, resamples=50)
    assert (found.value, found.interval.low, found.interval.high, found.p_value) == (0, 0, 0, 1)
    shuffled = paired_bootstrap(same, same.flip(0), LABELS, 2, resamples=200)
    assert shuffled.interval.low < 0 < shuffled.interval.high


def test_a_clear_gain_does_not():
    found = paired_bootstrap(predictions(0.98), predictions(0.6), LABELS, 2, recall_of([1]), resamples=200)
    assert found.interval.low > 0
    assert found.p_value < 0.05
    back = paired_bootstrap(predictions(0.6), predictions(0.98), LABELS, 2, recall_of([1]), resamples=200)
    assert back.value == pytest.approx(-found.value)


def test_the_value_is_the_difference_of_means_and_the_width_that_of_a_binomial():
    sure = LABELS.expand(1, -1)
    half = LABELS.clone()
    half[-6:] = 0
    found = paired_bootstrap(sure, half[None], LABELS, 2, recall_of([1]), resamples=2000)
    assert found.value == pytest.approx(0.5)
    assert found.interval.high - found.interval.low == pytest.approx(2 * 1.96 * (0.25 / 12) ** 0.5, rel=0.2)


def test_macro_f1_of_an_unseen_class_is_0_and_not_nan():
    assert macro_f1(torch.tensor([[3.0, 0, 0], [0, 2, 0], [0, 0, 0]]).numpy()) == pytest.approx(2 / 3)


def test_interval_over_seeds_is_students():
    mean, half = mean_interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert half == pytest.approx(4.302653 / 3**0.5)
    assert math.isnan(mean_interval([1.0])[1])


def test_bad_shapes_are_named():
    with pytest.raises(InputError, match=r"must be \(seeds, 72\)"):
        paired_bootstrap(predictions(1)[:, :5], predictions(1)[:, :5], LABELS, 2)
    with pytest.raises(InputError, match=r"`resamples` must be in \[1"):
        paired_bootstrap(predictions(1), predictions(1), LABELS, 2, resamples=0)
