import pytest
import torch

from palitra.errors import ImageError
from palitra.metrics.eye_distance import eye_distance, eye_tokens
from palitra.models.eye import load_eye


@pytest.fixture(scope="module")
def eye():
    return load_eye()


def test_equal_pictures_have_no_distance_and_the_order_does_not_matter(eye):
    x, y = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(eye_distance(eye, x, x), torch.zeros(2, dtype=torch.float64))
    assert torch.allclose(eye_distance(eye, x, y), eye_distance(eye, y, x))


def test_it_is_the_mean_over_stages_of_normalised_differences(eye):
    x, y = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    total = 0
    for a, b in zip(eye.network.activations(x * 255), eye.network.activations(y * 255), strict=True):
        a, b = (v / v.norm(dim=1, keepdim=True).clamp_min(1e-10) for v in (a, b))
        total += (a - b).pow(2).sum(1).mean()
    assert float(eye_distance(eye, x, y)) == pytest.approx(float(total) / 5, rel=1e-4)


def test_more_noise_is_further(eye):
    g = torch.Generator().manual_seed(0)
    x, noise = torch.rand(2, 1, 3, 64, 64, generator=g)
    apart = [float(eye_distance(eye, x, x + s * (noise - x))) for s in (0.1, 0.3, 1.0)]
    assert apart == sorted(apart)


def test_tokens_are_places(eye):
    assert eye_tokens(eye, torch.rand(2, 3, 64, 64)).shape == (2, 64, 256)


def test_other_shapes_are_refused(eye):
    with pytest.raises(ImageError, match="one size"):
        eye_distance(eye, torch.rand(1, 3, 64, 64), torch.rand(1, 3, 32, 32))
