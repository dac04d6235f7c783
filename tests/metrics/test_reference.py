"""Cached features: what comes back, what changes the key, damaged files."""

import dataclasses

import pytest
import torch

from palitra.errors import DiskError
from palitra.metrics.extractors import load_extractor
from palitra.metrics.reference import Features, load_features, reference_key, save_features


def features(logits: bool = True) -> Features:
    return Features(
        torch.randn(5, 4),
        torch.tensor([0, 1, -1, 2, 0]),
        torch.randint(256, (5, 32), dtype=torch.uint8),
        torch.randn(5, 3) if logits else None,
        ("a/b.png",),
    )


@pytest.mark.parametrize("logits", [True, False])
def test_features_come_back(logits, tmp_path):
    found = features(logits)
    save_features(tmp_path, "k", found)
    held = load_features(tmp_path, "k")
    for name in ("features", "labels", "prints"):
        assert torch.equal(getattr(held, name), getattr(found, name))
    assert (held.logits is not None) == logits
    assert held.skipped == ("a/b.png",)
    assert [p.name for p in tmp_path.iterdir()] == ["k.safetensors"]


def test_everything_changes_the_key():
    network = load_extractor("random")
    other = dataclasses.replace(network, weights="0")
    keys = [
        reference_key("a", network, "clean", None),
        reference_key("b", network, "clean", None),
        reference_key("a", other, "clean", None),
        reference_key("a", network, "tf1", None),
        reference_key("a", network, "clean", 10),
    ]
    assert len(set(keys)) == 5
    assert keys[0] == reference_key("a", load_extractor("random"), "clean", None)


def test_damaged_and_missing_files_are_nothing(tmp_path):
    assert load_features(tmp_path, "k") is None
    path = save_features(tmp_path, "k", features())
    path.write_bytes(path.read_bytes()[:100])
    assert load_features(tmp_path, "k") is None
    broken = features()
    broken.features[0, 0] = torch.nan
    save_features(tmp_path, "n", broken)
    assert load_features(tmp_path, "n") is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="cannot be written"):
        save_features(tmp_path / "file", "k", features())
