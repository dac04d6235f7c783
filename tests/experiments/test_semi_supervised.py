"""Which labels are shown, the baseline on classes it must tell, and the whole on made data."""

import torch

from palitra.experiments.kept import read_all
from palitra.experiments.page import write_page
from palitra.experiments.processor_time import ProcessorClock
from palitra.experiments.runner import run_experiment
from palitra.experiments.semi_supervised import (
    EXPERIMENT,
    accuracy,
    learn_from_labels,
    mostly_unlabelled,
)
from palitra.experiments.trial import Scope
from palitra.zoo.labelled_images import hide_labels
from tests.experiments.made_data import write_fashion
from tests.zoo.toy_images import toy_images


def test_all_pictures_few_labels_again_and_again():
    data = toy_images(700)
    mixed = mostly_unlabelled(data, 10, seed=1)
    assert torch.equal(mixed.images[:700], data.images)
    known = mixed.labels >= 0
    assert int(known[:700].sum()) == 10
    assert len(mixed) == 700 - 10 + 100
    # no label that was not among the ten, and none that is wrong
    shown = (mixed.labels[:700] >= 0).nonzero()[:, 0]
    allowed = {data.images[i].numpy().tobytes(): int(data.labels[i]) for i in shown}
    for picture, label in zip(mixed.images[known], mixed.labels[known], strict=True):
        assert allowed[picture.numpy().tobytes()] == int(label)


def test_both_methods_see_the_same_labels():
    data = toy_images(100)
    mixed = mostly_unlabelled(data, 8, seed=5)
    assert torch.equal(mixed.labels[:100], hide_labels(data.labels, 4, 2, 5))


def test_labels_alone_learn_brightness(tmp_path):
    data = toy_images(16)
    network = learn_from_labels(data, "tiny", 0, 640, ProcessorClock(tmp_path / "t.json"))
    assert accuracy(network, toy_images(64)) > 0.9
    flipped = toy_images(64)
    assert accuracy(network, type(flipped)(flipped.images, 1 - flipped.labels, flipped.names)) < 0.1


def test_the_whole_on_made_data(tmp_path):
    data = write_fashion(tmp_path / "data")
    assert run_experiment(EXPERIMENT, Scope(data, 1, tiny=True), tmp_path) == []
    kept = read_all(tmp_path, EXPERIMENT.name)
    assert {k.trial.name for k in kept} == {"gan-20", "gan-40", "labels-20", "labels-40"}
    assert all(k.failed is None for k in kept)
    text = write_page(EXPERIMENT, tmp_path, tmp_path / "docs").read_text()
    assert "| semi-supervised GAN, 20 labels |" in text
    assert (tmp_path / "docs" / "semi_supervised-sheet.webp").exists()
