"""eye's network: folding, batches, stages, bad pictures."""

import pytest
import torch
import torch.nn.functional as F

from palitra.errors import ImageError
from palitra.models.eye_network import EyeNetwork, EyeShape, fit

SHAPE = EyeShape(size=16, widths=(4, 6, 8), embedding=5, text_width=8, breeds=("siamese", "pug"))
HEADS = ("features", "concepts", "domains", "breeds", "caption", "identity")


def images(b=3, size=16):
    return 255 * torch.rand(b, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def network():
    made = EyeNetwork(SHAPE).eval()
    return made.requires_grad_(False)


def test_folding_batch_norm_changes_nothing():
    made = EyeNetwork(SHAPE, batch_norm=True).train()
    for stage in made.stages:
        for norm in stage.norms:
            torch.nn.init.normal_(norm.weight, 1, 0.3)
            torch.nn.init.normal_(norm.bias)
    with torch.no_grad():
        for seed in range(5):
            made(255 * torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(seed)))
        before = made.eval()(images())
        after = made.folded()(images())
    for head in HEADS:
        assert torch.allclose(getattr(before, head), getattr(after, head), atol=1e-5, rtol=1e-5)
    assert not any("norm" in name for name in made.folded().state_dict())


def test_a_batch_is_its_pictures_one_by_one(network):
    together = network(images())
    for row in range(3):
        alone = network(images()[row : row + 1])
        for head in HEADS:
            assert torch.allclose(getattr(together, head)[row], getattr(alone, head)[0], atol=1e-5)


def test_stages_halve_and_features_are_means_of_the_last(network):
    stages = network.activations(images())
    assert [tuple(s.shape[1:]) for s in stages] == [(4, 16, 16), (6, 8, 8), (8, 4, 4)]
    assert all(bool((s >= 0).all()) for s in stages)
    seen = network(images())
    assert torch.allclose(seen.features, F.max_pool2d(stages[-1], 2).mean((2, 3)))
    assert seen.features.dtype == torch.float32
    assert (seen.concepts.shape, seen.domains.shape, seen.breeds.shape) == ((3, 15), (3, 3), (3, 2))
    for unit in (seen.caption, seen.identity):
        assert unit.shape == (3, 5)
        assert torch.allclose(unit.norm(dim=1), torch.ones(3), atol=1e-5)


def test_gradients_reach_the_picture(network):
    x = images().requires_grad_()
    sum(s.square().mean() for s in network.activations(x)).backward()
    assert float(x.grad.abs().sum()) > 0


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 1, 16, 16), (1, 3, 7, 16)])
def test_other_shapes_are_named(network, shape):
    with pytest.raises(ImageError, match=r"`images` must be \(B, 3, H, W\) of at least 8 px, got"):
        network.activations(torch.zeros(shape))


def test_fitting_keeps_what_fits_and_the_range():
    same = images(size=8).round().to(torch.uint8)
    assert torch.equal(fit(same, 8), same.float())
    assert torch.allclose(fit(torch.full((1, 3, 40, 30), 77.0), 8), torch.full((1, 3, 8, 8), 77.0), atol=1e-3)
    hard = torch.zeros(1, 3, 20, 20)
    hard[..., 10:] = 255
    found = fit(hard, 13)
    assert (float(found.min()), float(found.max())) == (0, 255)
