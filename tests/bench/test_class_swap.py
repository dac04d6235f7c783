import numpy as np
import pytest
import torch
from PIL import Image

from palitra.bench.class_swap import class_swap, reference_features
from palitra.errors import InputError
from palitra.metrics.extractors import load_extractor
from palitra.metrics.frechet import frechet_from_features


def write(folder, shade, count=60):
    folder.mkdir()
    rng = np.random.default_rng(shade)
    for i in range(count):
        pixels = np.clip(rng.normal(shade, 40, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    return folder


def test_the_wanted_class_is_nearer_than_another(tmp_path):
    extractor = load_extractor("random")
    reference = reference_features(extractor, write(tmp_path / "reference", 120))
    near, far = (
        sorted(write(tmp_path / name, shade).iterdir()) for name, shade in (("near", 121), ("far", 60))
    )
    one, other = class_swap(extractor, reference, near), class_swap(extractor, reference, far)
    assert one.keys() == {"fid@random", "kid@random"}
    assert one["fid@random"] < other["fid@random"]
    assert one["kid@random"] < other["kid@random"]
    features = reference_features(extractor, tmp_path / "near")
    assert one["fid@random"] == pytest.approx(
        float(frechet_from_features(reference, features).value), rel=1e-6
    )


def test_too_few_pictures_give_no_number(tmp_path):
    extractor = load_extractor("random")
    few = write(tmp_path / "few", 100, 20)
    with pytest.raises(InputError, match="at least 50 pictures, got 20"):
        reference_features(extractor, few)
    assert class_swap(extractor, torch.randn(60, 8), sorted(few.iterdir())) == {}
