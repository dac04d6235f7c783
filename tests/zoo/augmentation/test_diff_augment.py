import pytest
import torch

from palitra.zoo.augmentation.diff_augment import DiffAugment
from palitra.zoo.step_random import StepRandom


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gradients_reach_the_pictures_and_the_shape_stays(channels):
    x = torch.rand(5, channels, 8, 12, requires_grad=True)
    changed = DiffAugment()(x, StepRandom(0, 0, 5))
    assert changed.shape == x.shape
    changed.sum().backward()
    assert x.grad.abs().sum() > 0


def test_the_same_numbers_change_pictures_the_same_way():
    x = torch.rand(5, 3, 8, 8)
    assert torch.equal(DiffAugment()(x, StepRandom(0, 3, 5)), DiffAugment()(x, StepRandom(0, 3, 5)))


def test_nothing_chosen_is_the_identity():
    x = torch.rand(5, 3, 8, 8)
    assert torch.equal(DiffAugment(colour=False, translation=0, cutout=0)(x, StepRandom(0, 0, 5)), x)


def test_a_shift_moves_and_fills_with_0():
    x = torch.ones(64, 1, 8, 8)
    shifted = DiffAugment(colour=False, translation=0.25, cutout=0)(x, StepRandom(0, 0, 64))
    sums = shifted.sum((1, 2, 3))
    assert set(sums.tolist()) <= {float(a * b) for a in (6, 7, 8) for b in (6, 7, 8)}
    assert len(sums.unique()) > 2


def test_the_hole_has_at_most_the_size_asked_for():
    holes = (DiffAugment(False, 0, 0.5)(torch.ones(64, 1, 8, 8), StepRandom(0, 0, 64)) == 0).sum((1, 2, 3))
    assert holes.max() == 16
    assert holes.min() >= 4
