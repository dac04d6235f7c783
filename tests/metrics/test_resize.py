"""Resize protocols against Pillow, by hand, and against each other."""

import numpy as np
import pytest
import torch
from PIL import Image

from palitra.errors import ImageError, InputError
from palitra.metrics.resize import PROTOCOLS, quantise, resize


def images(h: int = 32, w: int = 32, b: int = 2) -> torch.Tensor:
    return torch.randint(256, (b, 3, h, w), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_right_size_comes_back_unchanged(protocol):
    assert torch.equal(resize(images(), 32, protocol), images().float())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_flat_images_stay_flat(protocol):
    flat = torch.full((1, 3, 20, 30), 77, dtype=torch.uint8)
    assert torch.allclose(resize(flat, 45, protocol), torch.full((1, 3, 45, 45), 77.0), atol=1e-3)


def test_clean_is_pillow_in_float():
    made = resize(images(40, 50), 16, "clean")
    plane = Image.fromarray(images(40, 50)[1, 2].numpy().astype(np.float32))
    expected = np.asarray(plane.resize((16, 16), Image.Resampling.BICUBIC)).clip(0, 255)
    assert np.array_equal(made[1, 2].numpy(), expected)


@pytest.mark.parametrize("size", [16, 75])
def test_torch_is_close_to_clean(size):
    apart = resize(images(), size, "torch") - resize(images(), size, "clean")
    assert float(apart.abs().max()) < 5e-3


def test_tf1_by_hand():
    row = torch.tensor([0, 100, 200], dtype=torch.uint8).expand(1, 3, 3, 3)
    made = resize(row, 6, "tf1")
    # samples at 0, 0.5, 1, 1.5, 2, 2.5; nothing lies beyond the last pixel
    assert made[0, 0, 0].tolist() == [0, 50, 100, 150, 200, 200]


def test_protocols_differ_when_images_shrink():
    small = [resize(images(64, 64), 16, p) for p in PROTOCOLS]
    assert float((small[0] - small[1]).abs().mean()) > 5


def test_quantise_rounds():
    assert quantise(torch.tensor([-1.0, 0.999, 1, 2, -0.0035])).tolist() == [0, 255, 255, 255, 127]
    with pytest.raises(ImageError, match="finite"):
        quantise(torch.tensor([torch.nan]))


def test_bad_input_is_named():
    with pytest.raises(ImageError, match="`images` must be uint8"):
        resize(images().float(), 16, "clean")
    with pytest.raises(InputError, match="`resize` must be one of clean, tf1, torch, got lanczos"):
        resize(images(), 16, "lanczos")
