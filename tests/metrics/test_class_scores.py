"""Scores by class: closed cases, real against itself, strangers, bounds."""

import numpy as np
import pytest
import torch

from palitra.data.memory_set import memory_set
from palitra.errors import InputError
from palitra.metrics.class_scores import accuracy_score, agreement, identity
from palitra.metrics.evaluate import evaluate
from palitra.metrics.extractors import load_extractor
from palitra.metrics.linear_probe import LinearProbe
from palitra.metrics.reference import Features
from palitra.metrics.scores import ScoreSettings, Sides

SETTINGS = ScoreSettings(resamples=20)
NAMES = ("a", "b", "c")


def features(n=90, seed=0, spread=0.1, shift=0):
    """Clusters at three corners; `shift` turns them by so many classes."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    x = torch.eye(3)[(labels + shift) % 3] + spread * torch.randn(n, 3, generator=g)
    return Features(x, labels, torch.zeros(n, 32, dtype=torch.uint8))


def by_name(scores):
    return {(s.metric, s.group): s for s in scores}


def test_probe_solves_what_is_separable_and_repeats_itself():
    held = features()
    probes = [LinearProbe(3).fit(held.features, held.labels) for _ in range(2)]
    assert torch.equal(probes[0].predict(held.features).argmax(1), held.labels)
    assert torch.equal(probes[0].weights, probes[1].weights)
    with pytest.raises(InputError, match="at least 2 classes, got 3 of 1"):
        LinearProbe(3).fit(torch.rand(3, 2), torch.zeros(3, dtype=torch.long))
    with pytest.raises(InputError, match="`fit` must come before predict"):
        LinearProbe(3).predict(torch.rand(3, 2))


def test_agreement_of_right_and_of_turned_classes():
    right = by_name(agreement(Sides(features(), features(seed=1), None, NAMES), SETTINGS))
    assert right["agreement", None].value == right["agreement", "b"].value == 1
    assert right["agreement", None].settings["of_real"] == 1
    turned = by_name(agreement(Sides(features(), features(seed=1, shift=1), None, NAMES), SETTINGS))
    assert turned["agreement", None].value == 0


def test_accuracy_score_of_real_as_fake_is_that_of_real():
    real = features(spread=0.6)
    found = by_name(accuracy_score(Sides(real, features(seed=1, spread=0.6), None, NAMES), SETTINGS))
    score = found["cas", None]
    assert score.value == pytest.approx(score.settings["of_real"], abs=0.12)
    turned = by_name(accuracy_score(Sides(real, features(shift=1), None, NAMES), SETTINGS))["cas", None]
    assert turned.value < 0.3


def test_identity_of_the_same_people_and_of_strangers():
    found = by_name(identity(Sides(features(), features(seed=1), None, NAMES), SETTINGS))
    assert found["identity", None].value > 0.9
    assert found["identity_success", None].value == 1
    turned = by_name(identity(Sides(features(), features(seed=1, shift=1), None, NAMES), SETTINGS))
    assert turned["identity", None].value == pytest.approx(
        found["identity", None].settings["of_strangers"], abs=0.05
    )
    assert turned["identity_success", None].value < 0.05


def test_bounds_are_named():
    few = features(6)
    with pytest.raises(InputError, match="`real` must have at least 10 images for a judge of classes, got 6"):
        list(agreement(Sides(few, few, None, NAMES), SETTINGS))
    one = Features(torch.rand(20, 3), torch.zeros(20, dtype=torch.long), few.prints)
    with pytest.raises(InputError, match="`real` must have at least 1 picture of b for identity, got 0"):
        list(identity(Sides(one, few, None, NAMES), SETTINGS))


def test_the_whole_evaluation_takes_them_by_name():
    rng = np.random.default_rng(0)
    labels = torch.arange(40) % 2
    pixels = (
        torch.from_numpy(rng.integers(0, 60, (40, 3, 8, 8), dtype=np.uint8))
        + 120 * labels[:, None, None, None]
    )
    held = memory_set("real", pixels.byte(), labels, ("dark", "light"))
    report = evaluate(held, held, [load_extractor("random")], metrics=["agreement", "cas"], settings=SETTINGS)
    assert {r.name: r.value for r in report.results if r.group is None} == {
        "agreement@random": 1.0,
        "cas@random": 1.0,
    }
    bare = memory_set("bare", pixels.byte())
    with pytest.raises(InputError, match="`real` must have classes"):
        evaluate(bare, bare, [load_extractor("random")], metrics=["agreement"])
