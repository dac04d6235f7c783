"""The baseline on classes it must tell, and the whole on made data."""

from palitra.experiments.kept import read_all
from palitra.experiments.page import write_page
from palitra.experiments.processor_time import ProcessorClock
from palitra.experiments.runner import run_experiment
from palitra.experiments.semi_supervised import (
    EXPERIMENT,
    accuracy,
    learn_from_labels,
)
from palitra.experiments.trial import Scope
from tests.experiments.made_data import write_fashion
from tests.zoo.toy_images import toy_images


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
    names = {f"{method}-{count}" for method in ("gan", "matching", "labels") for count in (20, 40)}
    assert {k.trial.name for k in kept} == names
    weights = {
        k.trial.settings["config"]["regularisers"]["feature_matching"]
        for k in kept
        if k.trial.settings["method"] == "matching"
    }
    assert weights == {1.0}
    assert all(k.failed is None for k in kept)
    text = write_page(EXPERIMENT, tmp_path, tmp_path / "docs").read_text()
    assert "| semi-supervised GAN, 20 labels |" in text
    assert (tmp_path / "docs" / "semi_supervised-sheet.webp").exists()
