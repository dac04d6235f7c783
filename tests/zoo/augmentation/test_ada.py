import math

import pytest
import torch

from palitra.zoo.augmentation.ada import AdaController, AdaPipe, _turn_hue
from palitra.zoo.augmentation.affine import resample, rotation, scaling, translation
from palitra.zoo.step_random import StepRandom


def pictures(channels=3, height=8, width=8):
    return torch.rand(6, channels, height, width) * 2 - 1


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_p_0_is_the_identity(channels):
    x = pictures(channels)
    assert torch.equal(AdaPipe()(x, 0.0, StepRandom(0, 0, 6)), x)


def test_rows_without_a_change_stay_exact_at_small_p():
    x = pictures()
    changed = AdaPipe(colour=False)(x, 1e-6, StepRandom(0, 0, 6))
    assert torch.equal(changed, x)


@pytest.mark.parametrize("shape", [(8, 8), (8, 16)])
def test_p_1_changes_pictures_and_keeps_their_shape(shape):
    x = pictures(3, *shape)
    changed = AdaPipe()(x, 1.0, StepRandom(0, 0, 6))
    assert changed.shape == x.shape
    assert not torch.allclose(changed, x, atol=0.1)


def test_gradients_reach_the_pictures():
    x = pictures().requires_grad_()
    AdaPipe()(x, 1.0, StepRandom(0, 0, 6)).square().sum().backward()
    assert x.grad.abs().sum() > 0


def test_geometry_equals_flips_turns_and_shifts():
    x, one = pictures(), torch.ones(6)
    torch.testing.assert_close(resample(x, scaling(-one, one)), x.flip(-1), atol=1e-5, rtol=0)
    turned = resample(x, rotation(one * math.pi / 2))
    assert torch.allclose(turned, x.rot90(1, (2, 3)), atol=1e-4) or torch.allclose(
        turned, x.rot90(-1, (2, 3)), atol=1e-4
    )
    shifted = resample(x, translation(2 * one, 0 * one))
    torch.testing.assert_close(shifted[..., :6], x[..., 2:], atol=1e-5, rtol=0)


def test_a_full_turn_of_the_hue_is_the_identity_and_a_third_exchanges_channels():
    x = pictures()
    torch.testing.assert_close(_turn_hue(x, torch.tensor(2 * math.pi)), x, atol=1e-5, rtol=0)
    turned = _turn_hue(x, torch.tensor(2 * math.pi / 3))
    assert torch.allclose(turned, x.roll(1, 1), atol=1e-5)


def test_p_rises_when_real_scores_are_too_sure_and_falls_back():
    control = AdaController(target=0.6, adapt_over=64, start=0.0)
    for _ in range(4):
        control.update(torch.ones(8))
    assert float(control.p) == pytest.approx(0.5)
    for _ in range(4):
        control.update(-torch.ones(8))
    assert float(control.p) == pytest.approx(0.0)


def test_p_stays_in_0_to_1():
    control = AdaController(target=0.6, adapt_over=4, start=0.9)
    for _ in range(12):
        control.update(torch.ones(8))
    assert float(control.p) == 1.0


def test_p_moves_only_every_fourth_call():
    control = AdaController(target=0.6, adapt_over=64, start=0.0)
    for _ in range(3):
        control.update(torch.ones(8))
    assert float(control.p) == 0.0
    assert "signs" in control.state_dict()
