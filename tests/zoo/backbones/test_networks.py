import pytest
import torch
import torch.nn.functional as F

from palitra.errors import InputError
from palitra.zoo.backbones import r3gan
from palitra.zoo.backbones.fir import double, halve
from palitra.zoo.backbones.grid import coarsest
from palitra.zoo.backbones.modulated_conv import ModulatedConv
from palitra.zoo.backbones.stylegan2 import with_deviation
from palitra.zoo.backbones.unet import UNet
from palitra.zoo.choices import R3GANBackbone, UNetBackbone
from palitra.zoo.families.make import make_family
from palitra.zoo.families.players import make_discriminator, make_generator
from palitra.zoo.models import preset

GANS = ("gan", "cgan", "dcgan", "sndcgan", "improved", "sgan", "biggan", "stylegan2", "r3gan")


@pytest.mark.parametrize(
    ("size", "grid"),
    [((28, 28), (7, 7, 2)), ((32, 32), (4, 4, 3)), ((96, 96), (6, 6, 4)), ((64, 32), (8, 4, 3))],
)
def test_the_coarsest_grid_is_a_formula(size, grid):
    assert coarsest(*size) == grid


@pytest.mark.parametrize("size", [(30, 30), (4, 4), (18, 18), (31, 32)])
def test_sizes_out_of_reach_are_refused(size):
    with pytest.raises(InputError, match="`size` must be 4, 5, 6 or 7 times a power of two"):
        coarsest(*size)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 16), (2, 8, 16)])
@pytest.mark.parametrize("name", GANS)
def test_any_shape_goes_through_both_players(name, shape):
    config = preset(name, "tiny")
    generator, judge = make_generator(config, shape, 3), make_discriminator(config, shape, 3)
    labels = torch.tensor([0, 2])
    pictures = generator(torch.randn(2, generator.latent), labels)
    assert pictures.shape == (2, *shape)
    verdict = judge(pictures, labels)
    assert verdict.score.shape == (2,)
    assert verdict.features.shape[0] == 2


def test_the_generator_of_every_conditional_model_sees_the_class():
    for name in ("cgan", "dcgan", "biggan", "stylegan2", "r3gan"):
        generator = make_generator(preset(name, "tiny"), (1, 8, 8), 3).eval()
        z = torch.randn(1, generator.latent).expand(2, -1)
        first, second = generator(z, torch.tensor([0, 1]))
        assert not torch.allclose(first, second), name


def test_a_semi_supervised_score_is_the_log_odds_of_all_classes():
    judge = make_discriminator(preset("sgan", "tiny"), (1, 8, 8), 3).eval()
    verdict = judge(torch.randn(2, 1, 8, 8), None)
    odds = verdict.classes.exp().sum(1)
    torch.testing.assert_close(verdict.score.sigmoid(), odds / (odds + 1))


def test_modulation_equals_a_kernel_per_sample():
    layer, x, w = ModulatedConv(3, 5, 3, 4), torch.randn(2, 3, 6, 6), torch.randn(2, 4)
    for i in range(2):
        kernel = layer.weight * layer.gain * layer.style(w)[i].view(1, -1, 1, 1)
        kernel = kernel * (kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        expected = F.conv2d(x[i : i + 1], kernel, layer.bias, padding=1)
        torch.testing.assert_close(layer(x, w)[i : i + 1], expected, rtol=1e-4, atol=1e-5)


def test_filters_equal_plain_loops_and_keep_flat_pictures():
    taps = torch.outer(*[torch.tensor([1.0, 3, 3, 1])] * 2)
    x = torch.randn(1, 2, 4, 6)
    spread = torch.zeros(1, 2, 8, 12)
    spread[:, :, ::2, ::2] = x
    padded, expected = F.pad(spread, (2, 1, 2, 1)), torch.zeros(1, 2, 8, 12)
    for i in range(8):
        for j in range(12):
            expected[:, :, i, j] = (padded[:, :, i : i + 4, j : j + 4] * taps).sum((2, 3)) * 4 / 64
    torch.testing.assert_close(double(x), expected, rtol=1e-4, atol=1e-5)
    kernel = (taps / 64).expand(2, 1, 4, 4)
    torch.testing.assert_close(halve(x), F.conv2d(x, kernel, stride=2, padding=1, groups=2))
    flat = torch.ones(1, 1, 8, 8)
    torch.testing.assert_close(halve(flat)[..., 1:-1, 1:-1], torch.ones(1, 1, 2, 2))


def test_filters_can_be_differentiated_twice():
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda v: halve(double(v)).pow(3), x)


def test_equal_pictures_have_no_deviation():
    x = torch.randn(1, 2, 3, 3).expand(4, -1, -1, -1)
    assert with_deviation(x)[:, -1].abs().max() < 1e-3


def test_levels_of_the_unet_bound_the_size():
    with pytest.raises(InputError, match="multiple of 2 for 2 levels and patches of 1, got 9 x 8"):
        make_family(preset("cdm", "tiny"), (1, 9, 8), 2)
    with pytest.raises(InputError, match="multiple of 4 for 2 levels and patches of 2, got 6 x 8"):
        make_family(preset("cdm", "tiny", ["backbone.patch=2"]), (1, 6, 8), 2)


def test_a_unet_of_patches_keeps_pixels_in_their_places():
    choice = UNetBackbone(width=8, multipliers=(1, 1), blocks=1, attention=(False, False), patch=2)
    network = UNet(choice, (1, 8, 8), 0)
    assert network.begin.in_channels == 4
    # without its middle the network is the first convolution's picture of single pixels
    with torch.no_grad():
        for p in network.parameters():
            p.zero_()
    x, t = torch.randn(2, 1, 8, 8), torch.zeros(2)
    assert torch.equal(network(x, t, None), torch.zeros_like(x))
    with torch.no_grad():
        network.end.bias.copy_(torch.arange(4.0))
    expected = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).repeat(4, 4).expand(2, 1, 8, 8)
    assert torch.equal(network(x, t, None), expected)


def test_tapered_widths_halve_towards_the_finest_grid():
    choice = R3GANBackbone(width=64, group_size=8)
    assert r3gan.widths(choice, 3) == [64, 64, 64, 64]
    assert r3gan.widths(choice.model_copy(update={"taper": 2}), 3) == [64, 64, 32, 16]
    assert r3gan.widths(choice, 5) == [64, 64, 64, 64, 32, 16]


def test_conditioning_needs_two_classes():
    with pytest.raises(InputError, match="`conditioning` must be none for fewer than 2 classes"):
        make_family(preset("cgan", "tiny"), (1, 8, 8), 1)
