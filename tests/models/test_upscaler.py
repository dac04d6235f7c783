"""The 2x upscaler: begins as bicubic, keeps its layout on disk, and its embedded weights are small."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from palitra.data.images import to_image, to_tensor
from palitra.errors import ImageError, WeightsError
from palitra.models.upscaler import (
    EMBEDDED,
    Upscaler,
    UpscalerConfig,
    UpscalerNetwork,
    load_upscaler,
    save_upscaler,
)


def noise(width=12, height=8, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def scrambled(config, seed=0):
    torch.manual_seed(seed)
    network = UpscalerNetwork(config)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.1 * torch.randn(p.shape))
    return network.eval()


def test_untrained_is_pillows_bicubic():
    image = noise()
    with torch.no_grad():
        made = UpscalerNetwork()(to_tensor(image))[0]
    for plane, of in zip(made, image.split(), strict=True):
        # as numbers: with bytes Pillow cuts off between its two passes
        exact = of.convert("F").resize((24, 16), Image.Resampling.BICUBIC)
        # Pillow's weights are of 64 bits, ours of 32
        assert np.abs(255 * plane.numpy() - np.asarray(exact)).max() < 1e-3


def test_network_is_its_formula():
    """Written anew: stem, two residual blocks, and the shuffle of 12 channels into 2x2 places."""
    network = scrambled(UpscalerConfig(width=5, blocks=2))
    x = torch.rand(1, 3, 4, 6)

    def conv(layer, value):
        padded = torch.nn.functional.pad(value, (1, 1, 1, 1))
        places = padded.unfold(2, 3, 1).unfold(3, 3, 1)
        return torch.einsum("bchwij,ocij->bohw", places, layer.weight) + layer.bias.view(1, -1, 1, 1)

    with torch.no_grad():
        h = conv(network.stem, x - 0.5)
        for block in network.blocks:
            h = h + conv(block.second, conv(block.first, h).clamp_min(0))
        added = conv(network.out, h)
        whole = network(x)
        network.out.weight.zero_()
        network.out.bias.zero_()
        base = network(x)
    for colour in range(3):
        for dy in range(2):
            for dx in range(2):
                expected = base[:, colour, dy::2, dx::2] + added[:, 4 * colour + 2 * dy + dx]
                # float32 sums of a hundred terms in another order
                assert torch.allclose(whole[:, colour, dy::2, dx::2], expected, atol=1e-5)


def test_a_batch_equals_its_singles():
    network, x = scrambled(UpscalerConfig(width=6, blocks=1)), torch.rand(3, 3, 7, 5)
    with torch.no_grad():
        singles = torch.cat([network(one[None]) for one in x])
        # batched products may round otherwise
        assert torch.allclose(network(x), singles, atol=1e-6)


def test_saved_and_loaded_are_equal(tmp_path):
    network = scrambled(UpscalerConfig(width=6, blocks=1)).bfloat16().float()
    save_upscaler(tmp_path, network)
    loaded = load_upscaler(tmp_path)
    assert loaded.network.config == network.config
    assert all(torch.equal(v, loaded.network.state_dict()[k]) for k, v in network.state_dict().items())
    x = torch.rand(2, 3, 5, 7)
    with torch.no_grad():
        assert torch.equal(loaded(x), network(x).clamp(0, 1))


def test_other_weights_have_another_fingerprint(tmp_path):
    made = []
    for seed in (0, 0, 1):
        save_upscaler(tmp_path, scrambled(UpscalerConfig(width=6, blocks=1), seed))
        made.append(load_upscaler(tmp_path).fingerprint)
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize("config", [{"width": 6}, {"width": "wide", "blocks": 1}, {"width": 7, "blocks": 1}])
def test_a_wrong_folder_is_refused(tmp_path, config):
    save_upscaler(tmp_path, UpscalerNetwork(UpscalerConfig(width=6, blocks=1)))
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError):
        load_upscaler(tmp_path)


def test_grey_pictures_are_refused():
    with pytest.raises(ImageError, match=r"`images` must be \(B, 3, H, W\), got \(2, 1, 4, 4\)"):
        Upscaler(UpscalerNetwork(), "")(torch.zeros(2, 1, 4, 4))


def test_embedded_weights_are_small_and_sharper_than_bicubic():
    assert sum(f.stat().st_size for f in EMBEDDED.glob("*.safetensors")) <= 400_000
    # a disc: its edge comes back nearer to the truth than by bicubic
    y, x = np.mgrid[:128, :128]
    disc = np.where((x - 60) ** 2 + (y - 70) ** 2 < 40**2, 220, 40).astype(np.uint8)
    large = Image.fromarray(np.stack([disc] * 3, 2))
    small = large.resize((64, 64), Image.Resampling.LANCZOS)
    truth = np.asarray(large, dtype=float)
    errors = [
        np.square(np.asarray(made, dtype=float) - truth).mean()
        for made in (
            to_image(load_upscaler()(to_tensor(small))[0]),
            small.resize((128, 128), Image.Resampling.BICUBIC),
        )
    ]
    assert errors[0] < errors[1]
