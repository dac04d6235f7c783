"""Targets, repeated rows and SMOTE by their definitions."""

import pytest
import torch

from palitra.balancing.generator import even_rows
from palitra.balancing.strategies.catalogue import STRATEGIES, find_strategies, strategy_names
from palitra.balancing.strategies.smote import smote
from palitra.balancing.strategies.strategy import repeated_rows, target_counts
from palitra.errors import InputError


def test_targets_close_a_share_of_the_gap_of_rare_classes_alone():
    assert target_counts([100, 40, 20], [2], 1) == [100, 40, 100]
    assert target_counts([100, 40, 20], [1, 2], 0.5) == [100, 70, 60]


def test_repeated_rows_fill_up_to_the_target_from_the_class_itself():
    labels = torch.tensor([0] * 10 + [1] * 4 + [2] * 2)
    extra = repeated_rows(labels, [10, 7, 9], seed=3)
    assert torch.bincount(labels[extra]).tolist() == [0, 3, 7]
    assert extra.equal(repeated_rows(labels, [10, 7, 9], seed=3))


def test_smote_points_lie_between_two_rows_of_their_class():
    labels = torch.tensor([0] * 30 + [1] * 6)
    features = torch.randn(36, 5).double()
    points, names = smote(features, labels, [30, 25], seed=0)
    assert names.tolist() == [1] * 19
    own = features[labels == 1]
    a, b = own[:, None, None], own[None, :, None]
    # the way over a point is no longer than the way without it for some pair of rows
    over = (a - points).norm(dim=-1) + (b - points).norm(dim=-1)
    detour = over - (a - b).norm(dim=-1)
    assert detour.flatten(0, 1).min(0).values.max() < 1e-6


def test_smote_of_two_rows_stays_on_their_line():
    features = torch.tensor([[0.0, 0], [2, 2], [9, 0], [9, 1], [9, 2]])
    points, _ = smote(features, torch.tensor([1, 1, 0, 0, 0]), [3, 5], seed=0)
    assert points[:, 0].allclose(points[:, 1])
    assert ((points >= 0) & (points <= 2)).all()


def test_even_rows_go_from_as_they_are_to_equal():
    labels = torch.tensor([0] * 16 + [1] * 4)
    assert even_rows(labels, 0).sort().values.equal(torch.arange(20))
    assert torch.bincount(labels[even_rows(labels, 1)]).tolist() == [16, 16]
    assert torch.bincount(labels[even_rows(labels, 0.5)]).tolist() == [16, 8]


def test_the_catalogue_has_every_baseline_of_the_field_and_nothing_always():
    assert set(strategy_names()) >= {
        "nothing",
        "oversampling",
        "augmentation",
        "class_weights",
        "logit_adjustment",
        "smote",
        "synthetic",
    }
    assert next(s.name for s in STRATEGIES if s.generated) == "synthetic"
    assert [s.name for s in find_strategies(["smote"])] == ["nothing", "smote"]
    with pytest.raises(InputError, match=r"`strategies` must be among nothing, .*got magic"):
        find_strategies(["magic"])
