"""fid@eye with the embedded weights: distances grow with the damage, and a set is nearest to itself."""

import pytest
import torch
import torch.nn.functional as F

from palitra.metrics.extractors import load_extractor
from palitra.metrics.frechet import frechet_from_features
from palitra.models.eye import FOLDER


@pytest.fixture(scope="module")
def eye():
    if not (FOLDER / "config.json").is_file():
        pytest.skip("the embedded eye is not in this working copy")
    return load_extractor("eye")


def drawn(seed: int, n: int = 32) -> torch.Tensor:
    """Bright discs and bars on dark grounds, float (n, 3, 64, 64) in [0, 255]."""
    g = torch.Generator().manual_seed(seed)
    across, down = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="xy")
    at, size = 16 + 32 * torch.rand(2, n, 1, 1, generator=g), 6 + 10 * torch.rand(n, 1, 1, generator=g)
    disc = (across - at[0]) ** 2 + (down - at[1]) ** 2 < size**2
    bar = ((across - at[1]).abs() < size / 3) & ((down - at[0]).abs() < 2 * size)
    ground, one, other = 255 * torch.rand(3, n, 3, 1, 1, generator=g)
    x = torch.where(disc[:, None], one, 0.3 * ground)
    return torch.where(bar[:, None], other, x)


def blurred(x: torch.Tensor, times: int) -> torch.Tensor:
    for _ in range(times):
        x = F.avg_pool2d(F.pad(x, (1,) * 4, mode="replicate"), 3, 1)
    return x


def noisy(x: torch.Tensor, deviation: float) -> torch.Tensor:
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(9))
    return (x + deviation * noise).clamp(0, 255)


@pytest.mark.parametrize(("damage", "strengths"), [(blurred, (1, 4, 16)), (noisy, (12, 30, 75))])
def test_more_damage_is_further_away(eye, damage, strengths):
    reference = eye(drawn(0)).features
    found = [frechet_from_features(reference, eye(damage(drawn(0), s)).features).value for s in strengths]
    assert found == sorted(found)
    assert 0 < 1.5 * found[0] < found[-1]
    assert frechet_from_features(reference, reference).value == pytest.approx(0, abs=1e-4 * found[0])


def test_features_are_finite_and_names_follow_the_protocol(eye):
    found = eye(drawn(1, 4))
    assert (eye.name, eye.size, found.features.shape, found.logits.shape) == ("eye", 64, (4, 512), (4, 15))
    assert torch.isfinite(found.features).all()
    # a batch is its pictures one by one
    assert torch.allclose(eye(drawn(1, 4)[:1]).features, found.features[:1], atol=1e-4)
