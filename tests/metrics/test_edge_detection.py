"""The ODS / OIS scorer: matchings by hand, pooling by hand, perfect and shifted maps."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from palitra.errors import ImageError, InputError
from palitra.metrics.edge_detection import (
    EdgeCounts,
    EdgeDetection,
    count_matches,
    match_pixels,
    spread_thresholds,
)


def column(*places: int, size: int = 60) -> np.ndarray:
    marks = np.zeros((size, size), dtype=np.int64)
    for place in places:
        marks[:, place] += 1
    return marks


def ridge(place: int, size: int = 60, strength: float = 0.9) -> np.ndarray:
    """A soft vertical line."""
    x = np.mgrid[:size, :size][1] - place
    return (strength * np.exp(-(x**2) / 8)).astype(np.float32)


def counts(*rows: list[int]) -> EdgeCounts:
    return EdgeCounts(*(np.array(r) for r in rows))


def test_lines_match_themselves_and_all_annotators():
    lines = column(20) > 0
    assert match_pixels(lines, column(20) * 5, 3, 5) == (60, 300)


def test_marks_beside_each_other_are_reached_in_rounds():
    # three people drew the same line one pixel apart: one prediction serves them all, once each
    lines, marks = column(20) > 0, column(19, 20, 21)
    assert match_pixels(lines, marks, 3, 3) == (60, 180)
    assert match_pixels(lines, marks, 3, 1) == (60, 60)


def test_one_mark_serves_one_pixel():
    # two predicted lines, one drawn line: half of the prediction is invented
    found, recalled = match_pixels(column(19, 21) > 0, column(20), 3, 1)
    assert (found, recalled) == (60, 60)


def test_nothing_beyond_the_radius():
    assert match_pixels(column(20) > 0, column(24), 3.9, 1) == (0, 0)
    assert match_pixels(column(20) > 0, column(24), 4.0, 1) == (60, 60)


def test_matching_is_the_largest_possible():
    rng = np.random.default_rng(0)
    for _ in range(5):
        lines, marks = (rng.random((18, 15)) < 0.15 for _ in range(2))
        apart = np.linalg.norm(np.argwhere(lines)[:, None] - np.argwhere(marks)[None], axis=2)
        rows, columns = linear_sum_assignment(apart > 2.3)
        best = int((apart[rows, columns] <= 2.3).sum())
        assert match_pixels(lines, marks.astype(np.int64), 2.3, 1) == (best, best)


def test_empty_sides():
    blank = np.zeros((60, 60), dtype=np.int64)
    assert match_pixels(blank > 0, column(3), 2, 2) == (0, 0)
    assert match_pixels(column(3) > 0, blank, 2, 2) == (0, 0)


def test_counts_of_a_perfect_map():
    c = count_matches(ridge(30), column(30).astype(float), 4, (0.2, 0.5, 0.95))
    assert c.marked.tolist() == [240] * 3
    # the strength falls off towards the border of the picture
    assert c.found.tolist() == c.predicted.tolist()
    assert c.predicted[0] > 55
    assert c.recalled[0] == 4 * c.predicted[0]
    assert c.predicted[2] == 0


def test_score_pools_counts():
    scorer = EdgeDetection((0.3, 0.6))
    scorer.update(counts([8, 4], [10, 4], [8, 4], [10, 10]))
    scorer.update(counts([10, 9], [40, 10], [10, 9], [10, 10]))
    score = scorer.compute()
    # pooled: 18/50 and 18/20 at 0.3; 13/14 and 13/20 at 0.6
    assert score.threshold == 0.6
    assert score.precision == pytest.approx(13 / 14)
    assert score.recall == pytest.approx(13 / 20)
    assert score.ods == pytest.approx(26 / 34)
    # each picture's best: 0.3 for the first, 0.6 for the second
    assert score.ois == pytest.approx(2 * 17 / 40)


def test_merge_equals_one_scorer():
    first, second = counts([8], [10], [8], [10]), counts([3], [9], [5], [10])
    one, other, all_at_once = (EdgeDetection((0.5,)) for _ in range(3))
    one.update(first)
    other.update(second)
    one.merge(other)
    all_at_once.update(first)
    all_at_once.update(second)
    assert one.compute() == all_at_once.compute()


def test_better_maps_score_higher():
    def score(place: int) -> float:
        scorer = EdgeDetection(spread_thresholds(5))
        scorer.update(count_matches(ridge(place), column(30).astype(float), 1, scorer.thresholds, 0.03))
        return scorer.compute().ods

    assert score(30) > 0.9
    assert score(32) > 0.9
    assert score(40) == 0


def test_bad_input_is_named():
    with pytest.raises(ImageError, match="`soft` and `boundaries` must both be"):
        count_matches(ridge(3), np.zeros((4, 4)), 1, (0.5,))
    with pytest.raises(InputError, match="`annotators` must be at least 1, got 0"):
        count_matches(ridge(3), np.zeros((60, 60)), 0, (0.5,))
    with pytest.raises(InputError, match="`pictures` must be at least 1"):
        EdgeDetection().compute()
    with pytest.raises(InputError, match="`counts` must have 33 thresholds, got 1"):
        EdgeDetection().update(counts([1], [1], [1], [1]))
    with pytest.raises(InputError, match="`thresholds` must be the same"):
        EdgeDetection().merge(EdgeDetection((0.5,)))
