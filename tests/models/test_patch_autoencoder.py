import pytest
import torch
import torch.nn.functional as F

from palitra.models.patch_autoencoder import PatchAutoencoder, PatchAutoencoderConfig


def pictures(n=48, size=32, seed=0):
    """Smooth random pictures in [-1, 1]: coarse noise enlarged, and a little fine noise."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, 3, 5, 5, generator=g)
    smooth = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)
    return (0.4 * smooth + 0.02 * torch.randn(n, 3, size, size, generator=g)).clamp(-1, 1)


def fitted(channels=16, factor=4):
    code = PatchAutoencoder(PatchAutoencoderConfig(factor, channels))
    return code, code.fit(pictures())


def psnr(code, images):
    with torch.no_grad():
        error = (code.decode(code.encode(images)).clamp(-1, 1) - images).square().mean()
    return float(10 * torch.log10(4 / error))


def test_all_components_lose_nothing():
    code, quality = fitted(48)
    assert quality > 60
    assert psnr(code, pictures(seed=1)) > 60


def test_the_told_quality_is_that_of_the_pictures():
    code, quality = fitted()
    assert quality == pytest.approx(psnr(code, pictures()), abs=0.01)


def test_more_components_are_better_also_on_unseen_pictures():
    qualities = [psnr(fitted(c)[0], pictures(seed=1)) for c in (3, 8, 16)]
    assert qualities == sorted(qualities)
    assert qualities[-1] > 30


def test_latents_have_unit_variance_overall_and_falling_by_component():
    code, _ = fitted()
    with torch.no_grad():
        z = code.encode(pictures())
    assert float(z.square().mean()) == pytest.approx(1, rel=0.02)
    assert z.mean((0, 2, 3)).abs().max() < 0.02
    deviations = z.std((0, 2, 3))
    assert (deviations.diff() <= 1e-3).all()


def test_shapes_and_what_it_says_of_itself():
    code, _ = fitted(8)
    z = code.encode(pictures(2, 16))
    assert z.shape == (2, 8, 4, 4)
    assert code.decode(z).shape == (2, 3, 16, 16)
    assert (code.factor, code.channels) == (4, 8)
    assert code.config.to_dict() == {"factor": 4, "latent_channels": 8}


def test_the_code_is_linear():
    code, _ = fitted()
    a, b = pictures(2, 16).split(1)
    with torch.no_grad():
        middle = code.encode((a + b) / 2)
        assert torch.allclose(middle, (code.encode(a) + code.encode(b)) / 2, atol=1e-5)


def test_the_decoder_beats_the_patchwise_inverse_and_its_block_borders():
    code, quality = fitted(6)
    x = pictures()
    weight = code.encoder.weight.flatten(1)
    with torch.no_grad():
        mean = F.unfold(x, 4, stride=4).mean((0, 2))
        z = code.encode(x).flatten(2)
        patches = torch.linalg.pinv(weight) @ z + mean[:, None]
        plain = F.fold(patches, (32, 32), 4, stride=4)
    assert quality > float(10 * torch.log10(4 / (plain - x).square().mean())) + 1


def test_fitting_twice_gives_the_same_weights():
    one, other = fitted()[0], fitted()[0]
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_pictures_without_any_detail_are_coded_without_harm():
    code = PatchAutoencoder(PatchAutoencoderConfig(4, 16))
    grey = torch.linspace(-1, 1, 20).view(-1, 1, 1, 1).expand(-1, 3, 16, 16).contiguous()
    assert code.fit(grey) > 40
    assert all(torch.isfinite(v).all() for v in code.state_dict().values())
