"""Intervals: width of a known normal mean, seeds, pairs, bad input."""

import pytest
import torch

from palitra.errors import InputError
from palitra.metrics.bootstrap import bootstrap_means, bootstrap_statistic, paired_difference


def draw(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed)).double()


def test_width_is_that_of_the_normal_mean():
    values = draw(400)
    value, found = bootstrap_means(values, resamples=4000)
    assert value == pytest.approx(float(values.mean()))
    assert found.high - found.low == pytest.approx(2 * 1.96 * float(values.std()) / 20, rel=0.1)
    assert found.low < value < found.high


def test_seed_decides():
    assert bootstrap_means(draw(50), seed=3) == bootstrap_means(draw(50), seed=3)
    assert bootstrap_means(draw(50), seed=3)[1] != bootstrap_means(draw(50), seed=4)[1]


def test_groups_add_up():
    value, found = bootstrap_means(draw(400), 5 + draw(100, 1), resamples=4000)
    assert value == pytest.approx(5, abs=0.3)
    assert found.high - found.low == pytest.approx(2 * 1.96 * (1 / 400 + 1 / 100) ** 0.5, rel=0.15)


def test_pairs_are_sharper_than_sets():
    first = 10 * draw(200)
    found = paired_difference(first + 0.2 + 0.1 * draw(200, 1), first)
    assert found.value == pytest.approx(0.2, abs=0.03)
    assert found.interval.low > 0
    assert found.p_value < 0.01
    assert paired_difference(first, first).p_value == 1


def test_statistics_of_whole_sets_keep_their_value_inside():
    values = draw(300)

    def spread(weights):
        mean = (weights * values).sum() / weights.sum()
        return float((weights * (values - mean).square()).sum() / weights.sum())

    found = bootstrap_statistic(spread, 300, resamples=300)
    assert found.low < spread(torch.ones(300)) < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * (2 / 300) ** 0.5, rel=0.3)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="`resamples` must be at least 1"):
        bootstrap_means(draw(3), resamples=0)
    with pytest.raises(InputError, match="at least 1 value"):
        bootstrap_means(draw(0))
    with pytest.raises(InputError, match="must be finite"):
        bootstrap_means(torch.tensor([1.0, torch.nan]))
    with pytest.raises(InputError, match="`second` must have 3 values"):
        paired_difference(draw(3), draw(4))
