"""Pairs by name: equal to the single metrics, whatever the endings; sizes and missing names are told."""

import numpy as np
import pytest
import torch
from PIL import Image

from palitra.data.image_sets import open_image_set
from palitra.data.memory_set import memory_set
from palitra.errors import ImageError, InputError
from palitra.metrics.lpips import Lpips
from palitra.metrics.paired_images import pairs, score_pairs
from palitra.metrics.psnr import psnr
from palitra.metrics.scores import ScoreSettings
from palitra.metrics.ssim import ssim

SETTINGS = ScoreSettings(resamples=20)


def pixels(n=3, size=16, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (n, 3, size, size), dtype=np.uint8))


def write(folder, images, ending="png", names=None):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        name = names[i] if names else f"{i}"
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{name}.{ending}")
    return open_image_set(folder)


def test_equal_to_the_single_metrics_whatever_the_endings(tmp_path):
    x, y = pixels(), pixels(seed=1)
    # "a-b.png" comes before "a.png" but "a-b" behind "a"
    names = ["a", "a-b", "c"]
    real = write(tmp_path / "real", x, "png", names)
    fake = write(tmp_path / "fake", y, "bmp", names)
    found = {s.metric: s for s in score_pairs(real, fake, SETTINGS)}
    assert found["psnr"].value == pytest.approx(float(psnr(x, y, data_range=255).mean()))
    assert found["ssim"].value == pytest.approx(float(ssim(x, y, data_range=255).mean()))
    assert found["ssim"].interval.low <= found["ssim"].value <= found["ssim"].interval.high
    assert found["psnr"].settings == {"pairs": 3}


def test_identical_pairs_are_counted():
    x = memory_set("x", pixels())
    found = {s.metric: s for s in score_pairs(x, x, SETTINGS)}
    assert found["psnr"].value == float("inf")
    assert found["psnr"].settings["identical"] == 3
    assert found["ssim"].value == pytest.approx(1)


def test_lpips_enlarges_small_images_and_says_so():
    torch.manual_seed(0)
    network = Lpips("vgg").eval()
    x, y = memory_set("x", pixels(2, 12)), memory_set("y", pixels(2, 12, 1))
    found = {s.metric: s for s in score_pairs(x, y, SETTINGS, network)}
    assert found["lpips"].settings == {"pairs": 2, "enlarged_to": 16}
    assert found["lpips"].value > 0


def test_unreadable_files_leave_with_their_partner(tmp_path):
    real = write(tmp_path / "real", pixels(120, 4))
    fake = write(tmp_path / "fake", pixels(120, 4, 1))
    (tmp_path / "fake" / "7.png").write_bytes(b"no picture")
    assert len(list(pairs(real, fake))) == 119
    assert fake.skipped == ["7.png"]


def test_bad_pairs_are_named(tmp_path):
    real = write(tmp_path / "real", pixels())
    fewer = write(tmp_path / "fewer", pixels(2))
    with pytest.raises(InputError, match="`fake` must have the file names of `real` for pairs, got no 2"):
        list(pairs(real, fewer))
    with pytest.raises(InputError, match="`real` must have the file names of `fake` for pairs, got no 2"):
        list(pairs(fewer, real))
    larger = write(tmp_path / "larger", pixels(3, 20))
    with pytest.raises(ImageError, match=r"`0\.png` must have one size in both sets, got 16x16 and 20x20"):
        score_pairs(real, larger, SETTINGS)
