"""PSNR and SSIM: closed forms, scipy's Gaussian filter as reference, accumulators, bad input."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from palitra.errors import ImageError, InputError
from palitra.metrics.psnr import Psnr, psnr
from palitra.metrics.ssim import Ssim, ssim


def images(seed: int, b: int = 3) -> torch.Tensor:
    return torch.rand(b, 3, 20, 24, generator=torch.Generator().manual_seed(seed))


def ssim_by_scipy(x: np.ndarray, y: np.ndarray, data_range: float) -> float:
    def smooth(v):
        return gaussian_filter(v, 1.5, truncate=3.5)[5:-5, 5:-5]

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = smooth(x), smooth(y)
    vx, vy, cov = smooth(x * x) - mx**2, smooth(y * y) - my**2, smooth(x * y) - mx * my
    top = (2 * mx * my + c1) * (2 * cov + c2)
    return (top / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()


def test_equal_images():
    assert torch.allclose(ssim(images(0), images(0), data_range=1), torch.ones(3, dtype=torch.float64))
    assert torch.isinf(psnr(images(0), images(0), data_range=1)).all()


def test_psnr_in_closed_form():
    x = images(0)
    assert torch.allclose(
        psnr(x, x + 0.1, data_range=1), torch.full((3,), 20.0, dtype=torch.float64), atol=1e-5
    )
    assert torch.allclose(psnr(255 * x, 255 * (x + 0.1), data_range=255), psnr(x, x + 0.1, data_range=1))


def test_ssim_equals_scipy():
    x, y = images(0), (images(0) + 0.3 * images(1)).clamp(0, 1)
    for row in range(3):
        expected = np.mean(
            [ssim_by_scipy(x[row, c].double().numpy(), y[row, c].double().numpy(), 1) for c in range(3)]
        )
        assert float(ssim(x, y, data_range=1)[row]) == pytest.approx(expected, abs=1e-9)


def test_the_range_scales_out():
    x, y = (images(0) * 255).byte(), (images(1) * 255).byte()
    assert torch.allclose(ssim(x, y, data_range=255), ssim(x / 255, y / 255, data_range=1), atol=1e-6)


@pytest.mark.parametrize(("kind", "function"), [(Psnr, psnr), (Ssim, ssim)])
def test_accumulators(kind, function):
    x, y = images(0), images(1)
    one, other = kind(), kind()
    one.update(x[:1], y[:1])
    other.update(x[1:], y[1:])
    one.merge(other)
    assert torch.equal(one.per_pair(), function(x, y, data_range=1))
    assert one.compute() == float(function(x, y, data_range=1).mean())
    with pytest.raises(InputError, match="to merge"):
        one.merge(kind(data_range=255))
    with pytest.raises(InputError, match="`pairs` must be at least 1"):
        kind().compute()


def test_bad_input_is_named():
    x = images(0)
    with pytest.raises(ImageError, match="of one size"):
        psnr(x, x[:, :, 1:], data_range=1)
    with pytest.raises(InputError, match="`data_range` must be above 0, got 0"):
        ssim(x, x, data_range=0)
    with pytest.raises(ImageError, match="at least 11 pixels, got 24x8"):
        ssim(x[:, :, :8], x[:, :, :8], data_range=1)
    with pytest.raises(ImageError, match="`second` must hold finite values"):
        psnr(x, x * torch.nan, data_range=1)
