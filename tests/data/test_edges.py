"""Finding, thinning and drawing edges; the embedded detector on made pictures."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy import ndimage

from palitra.data.edges import (
    EMBEDDED,
    EdgeDetector,
    binarise,
    draw_lines,
    normalise,
    suppress_non_maxima,
    thin,
)
from palitra.errors import ImageError, InputError, WeightsError
from palitra.metrics.edges import boundary_f1


@pytest.fixture(scope="module")
def detector():
    return EdgeDetector.load()


def square(size: int = 128) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright square on dark ground, and its outline."""
    low, high = size // 4, 3 * size // 4
    image = torch.full((1, 3, size, size), 0.2)
    image[:, :, low:high, low:high] = 0.8
    inside = image[:, :1] > 0.5
    core = torch.zeros_like(inside)
    core[:, :, low + 1 : high - 1, low + 1 : high - 1] = True
    return image, inside & ~core


def test_embedded_weights_are_small():
    assert (EMBEDDED / "model.safetensors").stat().st_size < 1_000_000


def test_detector_finds_the_outline_of_a_square(detector):
    image, outline = square()
    lines = thin(binarise(detector(image)))
    assert boundary_f1(lines, outline, 2).f1 > 0.9


def test_detector_finds_nothing_on_blank_paper(detector):
    inner = detector(torch.full((1, 3, 96, 96), 0.7))[:, :, 16:-16, 16:-16]
    assert float(inner.max()) < 0.3


@pytest.mark.parametrize("upscale", [1, 2, 2.5, None])
def test_detect_keeps_size_and_finds_the_outline_of_a_small_square(detector, upscale):
    image, outline = square(64)
    soft = detector.detect(image, upscale)
    assert soft.shape == (1, 1, 64, 64)
    assert boundary_f1(thin(binarise(soft)), outline, 2).f1 > 0.85


def test_detect_with_upscale_one_is_a_call(detector):
    image = torch.rand(1, 3, 40, 52)
    assert torch.equal(detector.detect(image, 1), detector(image))


@pytest.mark.parametrize("size", [(8, 8), (33, 47)])
def test_map_has_the_size_of_the_picture_and_stays_in_range(detector, size):
    soft = detector(torch.rand(2, 3, *size))
    assert soft.shape == (2, 1, *size)
    assert 0 <= float(soft.min()) <= float(soft.max()) <= 1


def test_batch_equals_singles(detector):
    images = torch.rand(3, 3, 32, 40)
    singles = torch.cat([detector(row[None]) for row in images])
    assert torch.allclose(detector(images), singles, atol=1e-5)  # other order of float32 sums


def test_normalisations():
    image = torch.rand(1, 3, 4, 4)
    white = normalise(torch.ones(1, 3, 1, 1))
    assert torch.allclose(white.flatten(), torch.tensor([2.2489, 2.4286, 2.6400]), atol=1e-4)
    assert torch.equal(normalise(image, "aux"), image[:, [2, 1, 0]])
    with pytest.raises(InputError, match="`normalisation` must be official or aux, got bgr"):
        normalise(image, "bgr")


def test_aux_normalisation_gives_another_map(detector):
    image, _ = square(64)
    other = EdgeDetector.load(normalisation="aux")(image)
    assert float((other - detector(image)).abs().max()) > 0.01


def test_binarise_is_strict():
    assert binarise(torch.tensor([0.2, 0.5, 0.51])).tolist() == [False, False, True]
    with pytest.raises(InputError, match="`threshold` must be in"):
        binarise(torch.zeros(1), 1.5)


def test_thin_keeps_lines_connected_and_one_pixel_wide():
    binary = torch.zeros(2, 1, 40, 40, dtype=torch.bool)
    binary[0, 0, 10:15, 4:36] = True
    binary[0, 0, 10:36, 20:25] = True
    binary[1, 0, 18:22, 2:38] = True
    lines = thin(binary)
    assert not (lines & ~binary).any()
    assert torch.equal(thin(lines), lines)
    assert ndimage.label(lines[0, 0].numpy(), np.ones((3, 3)))[1] == 1
    assert lines[1, 0].sum(0).max() == 1
    assert torch.equal(lines[1:], thin(binary[1:]))


def test_thin_keeps_an_empty_map_empty():
    assert not thin(torch.zeros(1, 1, 9, 9)).any()


def test_lines_are_black_on_white_and_of_the_asked_width():
    binary = torch.zeros(1, 1, 33, 33, dtype=torch.bool)
    binary[0, 0, 16, :] = True
    for width in (1, 2, 3, 5):
        paper = draw_lines(binary, width)
        assert paper.shape == (1, 3, 33, 33)
        ink = (1 - paper[0, 0])[:, 16]
        assert float(ink.sum()) == pytest.approx(width, abs=1e-5)
        assert float(ink[16]) == 1
    assert draw_lines(torch.zeros(1, 1, 9, 9)).min() == 1
    with pytest.raises(InputError, match="`width` must be in"):
        draw_lines(binary, 0)


@pytest.mark.parametrize("angle", [0.0, 0.4, 0.8, 1.2])
def test_suppression_keeps_the_crest_of_a_ridge(angle):
    y, x = np.mgrid[:64, :64] - 31.5
    across = x * np.sin(angle) + y * np.cos(angle)
    ridge = np.exp(-(across**2) / 18).astype(np.float32)
    crest = suppress_non_maxima(ridge) > 0.5
    assert np.abs(across[crest]).max() < 1
    inner = (np.abs(x) < 20) & (np.abs(y) < 20)
    assert crest[inner].sum() >= 40


def test_suppression_fades_the_border():
    kept = suppress_non_maxima(np.ones((20, 20), np.float32))
    assert kept[0].max() == 0
    assert kept[10, 10] == 1


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 1, 16, 16), "must be \\(B, 3, H, W\\)"),
        (torch.zeros(1, 3, 4, 16), "sides from 8 px"),
        (torch.full((1, 3, 16, 16), 255.0), "must have values in \\[0, 1\\], got 255"),
        (torch.full((1, 3, 16, 16), float("nan")), "must have values in"),
    ],
)
def test_bad_pictures_are_named(detector, images, message):
    with pytest.raises(ImageError, match=message):
        detector(images)


def test_bad_upscale_is_named(detector):
    with pytest.raises(InputError, match="`upscale` must be in \\[1, 8\\], got 9"):
        detector.detect(torch.zeros(1, 3, 16, 16), 9)


def test_bad_weights_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"must hold config\.json"):
        EdgeDetector.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"width": 30, "head_width": 12}))
    with pytest.raises(WeightsError, match=r"must hold model\.safetensors"):
        EdgeDetector.load(tmp_path)
    tensors = load_file(EMBEDDED / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if k != "fuse.bias"}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"fuse\.bias"):
        EdgeDetector.load(tmp_path)


def test_unknown_normalisation_is_named():
    with pytest.raises(InputError, match="`normalisation` must be official or aux"):
        EdgeDetector.load(normalisation="rgb")
