"""Pooled activations against a loop, the linear machine on classes it must tell, all of it on made data."""

import pytest
import torch
import torch.nn.functional as F

from palitra.experiments.discriminator_features import (
    EXPERIMENT,
    labelled_rows,
    linear_accuracies,
    pooled_features,
    settled_random_trunk,
)
from palitra.experiments.kept import read_all
from palitra.experiments.page import write_page
from palitra.experiments.runner import run_experiment
from palitra.experiments.trial import Scope
from tests.experiments.made_data import write_fashion
from tests.zoo.toy_images import toy_images


def test_features_are_every_convolution_pooled_to_four_by_four():
    data = toy_images(6, size=32)
    trunk = settled_random_trunk(data, (), "tiny", 0)
    found = pooled_features(trunk, data.images, chunk=4)
    x, parts = data.images.float() / 127.5 - 1, []
    for layer in trunk.layers:
        x = layer(x)
        if "LeakyReLU" in type(layer).__name__:
            side = x.shape[-1] // 4
            parts.append(F.max_pool2d(x, side).flatten(1))
    assert len(parts) == 3
    # the trunk's own last activations are the last of them
    assert torch.allclose(found, torch.cat(parts, 1).detach(), atol=1e-6)
    assert found.shape == (6, (8 + 16 + 32) * 16)


def test_random_weights_follow_the_seed_and_norms_the_data():
    data = toy_images(64, size=16)
    one, same, other = (settled_random_trunk(data, (), "tiny", seed) for seed in (0, 0, 1))
    x = data.images.float() / 127.5 - 1
    assert torch.equal(one(x, None), same(x, None))
    assert not torch.equal(one(x, None), other(x, None))
    norm = next(layer for layer in one.layers if isinstance(layer, torch.nn.BatchNorm2d))
    assert norm.running_mean.abs().sum() > 0


def test_subsets_are_equal_over_classes_and_by_seed():
    data = toy_images(100)
    rows = labelled_rows(data, 20, seed=3)
    assert data.labels[rows].bincount().tolist() == [10, 10]
    assert torch.equal(rows, labelled_rows(data, 20, seed=3))
    assert not torch.equal(rows, labelled_rows(data, 20, seed=4))


def test_a_linear_machine_tells_what_is_linear_and_guesses_noise():
    labels = torch.arange(200) % 2
    x = torch.randn(200, 8) + 6 * labels[:, None]
    rows = [torch.arange(10), torch.arange(100)]
    accuracies, penalties = linear_accuracies(x[:100], labels[:100], x[100:], labels[100:], rows)
    assert min(accuracies) == 1
    assert set(penalties) <= {1e-4, 1e-3, 1e-2, 1e-1, 1.0}
    noise = torch.randn(1000, 8)
    many = torch.arange(1000) % 2
    accuracies, _ = linear_accuracies(noise[:100], many[:100], noise, many, rows)
    assert accuracies[1] == pytest.approx(0.5, abs=0.1)


def test_a_feature_that_never_changes_does_no_harm():
    labels = torch.arange(40) % 2
    x = torch.cat([labels[:, None] * 4.0, torch.full((40, 1), 7.0)], 1)
    accuracies, _ = linear_accuracies(x, labels, x, labels, [torch.arange(40)])
    assert accuracies == [1.0]


def test_the_whole_on_made_data(tmp_path):
    data = write_fashion(tmp_path / "data")
    assert run_experiment(EXPERIMENT, Scope(data, 1, tiny=True), tmp_path) == []
    kept = read_all(tmp_path, EXPERIMENT.name)
    assert {k.trial.name for k in kept} == {"trained", "random", "pixels"}
    assert all(k.findings.numbers["accuracy 40"] > 0.9 for k in kept)
    text = write_page(EXPERIMENT, tmp_path, tmp_path / "docs").read_text()
    assert "| raw pixels | 1,024 |" in text
    assert (tmp_path / "docs" / "discriminator_features-plot.webp").exists()
