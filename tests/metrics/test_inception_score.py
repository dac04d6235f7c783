"""Inception Score: balanced certainty scores the number of classes, doubt scores 1."""

import numpy as np
import pytest
import torch

from palitra.errors import InputError
from palitra.metrics.inception_score import InceptionScores, inception_score


def test_sure_and_balanced_is_the_number_of_classes():
    logits = 1e4 * torch.eye(10).repeat(20, 1)
    assert inception_score(logits, splits=1).value == pytest.approx(10, rel=1e-9)


def test_undecided_is_one():
    assert inception_score(torch.zeros(40, 7), splits=4).value == pytest.approx(1)


def test_equals_the_definition():
    logits = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    p = torch.softmax(logits.double(), 1).numpy()
    expected = np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean())
    assert inception_score(logits, splits=1).value == pytest.approx(expected, rel=1e-12)


def test_sorted_sets_are_shuffled_before_they_are_split():
    ordered = 50 * torch.eye(4).repeat_interleave(100, 0)
    assert inception_score(ordered, splits=4).value > 3.8
    assert inception_score(ordered, splits=4, seed=1) == inception_score(ordered, splits=4, seed=1)


def test_merge_equals_one_accumulator():
    logits = torch.randn(30, 5)
    one, other = InceptionScores(3), InceptionScores(3)
    one.update(logits[:10])
    other.update(logits[10:])
    one.merge(other)
    assert one.compute() == inception_score(logits, splits=3)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="`logits` must have at least 10 images, got 3"):
        inception_score(torch.zeros(3, 5))
    with pytest.raises(InputError, match="`splits` must be at least 1, got 0"):
        inception_score(torch.zeros(3, 5), splits=0)
    with pytest.raises(InputError, match="`images` must be at least 10 before compute, got 0"):
        InceptionScores().compute()
    with pytest.raises(InputError, match="to merge"):
        InceptionScores(2).merge(InceptionScores(3))
