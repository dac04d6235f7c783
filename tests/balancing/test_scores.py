"""Numbers of a classifier against counting by hand."""

import numpy as np
import pytest
import torch

from palitra.balancing.comparison import balanced_accuracy, macro_f1, recall_of
from palitra.balancing.scores import SCORES, expected_calibration_error, recalls, scores


def test_a_perfect_classifier_has_perfect_scores():
    labels = torch.tensor([0, 1, 2, 2])
    found = scores(torch.eye(3)[labels], labels, [1, 2])
    assert tuple(found) == SCORES
    assert list(found.values()) == pytest.approx([1, 1, 1, 1, 1, 0])


def test_scores_of_a_small_table_by_hand():
    # true 0: seen 0, 0, 1; true 1: seen 1
    labels, seen = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    p = torch.eye(2)[seen] * 0.8 + 0.1
    found = scores(p, labels, [1])
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["minority_recall"] == 1
    assert found["minority_auprc"] == 0.5
    # all are 90 % sure, 75 % are right
    assert found["calibration_error"] == pytest.approx(0.15)
    assert recalls(seen, labels, 2) == pytest.approx([2 / 3, 1])


def test_the_statistics_of_counts_equal_the_scores():
    rng = np.random.default_rng(0)
    labels, p = torch.arange(60) % 4, torch.from_numpy(rng.dirichlet(np.ones(4), 60))
    counts = np.bincount(labels.numpy() * 4 + p.argmax(1).numpy(), minlength=16).reshape(4, 4).astype(float)
    found = scores(p, labels, [2, 3])
    assert macro_f1(counts) == pytest.approx(found["macro_f1"])
    assert balanced_accuracy(counts) == pytest.approx(found["balanced_accuracy"])
    assert recall_of([2, 3])(counts) == pytest.approx(found["minority_recall"])


def test_calibration_of_a_coin_is_its_distance_from_a_half():
    sure = np.tile([[1.0, 0.0]], (10, 1))
    assert expected_calibration_error(sure, np.array([0, 1] * 5)) == pytest.approx(0.5)
