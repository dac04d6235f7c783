import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from palitra.errors import WeightsError
from palitra.models.autoencoder import KLAutoencoder, load_kl_autoencoder, load_patch_autoencoder
from palitra.models.patch_autoencoder import PatchAutoencoder
from palitra.models.weights import save_weights


@pytest.fixture
def folder(tiny_folders, tmp_path):
    return shutil.copytree(tiny_folders[0] / "vae", tmp_path / "vae")


@pytest.fixture(scope="module")
def code(tiny_folders):
    return load_kl_autoencoder(tiny_folders[0] / "vae")[0]


def test_codes_are_those_of_diffusers(code, tiny_folders):
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    theirs = AutoencoderKL.from_pretrained(tiny_folders[0] / "vae", low_cpu_mem_usage=False)
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        latents = theirs.encode(images).latent_dist.mode() * theirs.config.scaling_factor
        torch.testing.assert_close(code.encode(images), latents)
        pictures = theirs.decode(latents / theirs.config.scaling_factor).sample
    torch.testing.assert_close(code.decode(latents), pictures)


def test_shapes_and_factor(code):
    assert (code.factor, code.channels) == (8, 4)
    latents = code.encode(torch.zeros(1, 3, 64, 48))
    assert latents.shape == (1, 4, 8, 6)
    assert code.decode(latents).shape == (1, 3, 64, 48)


def test_gradients_reach_the_input_and_no_weight(code):
    x = torch.zeros(1, 3, 16, 16, requires_grad=True)
    code.encode(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None for p in code.vae.parameters())


def test_half_precision_is_kept_in_float32_unless_the_config_allows_it(folder):
    assert load_kl_autoencoder(folder, dtype=torch.float16)[0].vae.dtype == torch.float32
    assert load_kl_autoencoder(folder, dtype=torch.bfloat16)[0].vae.dtype == torch.bfloat16
    config = json.loads((folder / "config.json").read_text()) | {"force_upcast": False}
    (folder / "config.json").write_text(json.dumps(config))
    loaded, _ = load_kl_autoencoder(folder, dtype=torch.float16)
    assert loaded.vae.dtype == loaded.dtype == torch.float16


def test_latents_and_pictures_leave_in_float32(folder):
    code, _ = load_kl_autoencoder(folder, dtype=torch.bfloat16)
    latents = code.encode(torch.zeros(1, 3, 16, 16))
    assert latents.dtype == code.decode(latents).dtype == torch.float32


def test_shift_factor_is_followed(code):
    shifted = KLAutoencoder(code.vae)
    shifted.shift = 0.5
    images = torch.zeros(1, 3, 16, 16)
    torch.testing.assert_close(shifted.encode(images), code.encode(images) - 0.5 * code.scale)
    latents = torch.zeros(1, 4, 2, 2)
    torch.testing.assert_close(shifted.decode(latents), code.decode(latents + 0.5 * code.scale))


def test_attention_names_of_the_published_sd1_files_are_understood(folder, code):
    path = folder / "diffusion_pytorch_model.safetensors"
    old = {}
    for name, value in load_file(path).items():
        for new, before in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            name = name.replace(f".{new}.", f".{before}.")
        old[name] = value.clone()
    assert any(".proj_attn." in name for name in old)
    save_file(old, path)
    loaded, _ = load_kl_autoencoder(folder)
    assert torch.equal(loaded.encode(torch.ones(1, 3, 16, 16)), code.encode(torch.ones(1, 3, 16, 16)))


def test_another_network_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"_class_name": "VQModel"}))
    with pytest.raises(WeightsError, match=r"`vae/config.json` must describe an AutoencoderKL, got VQModel"):
        load_kl_autoencoder(folder)


def test_weights_of_another_width_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"block_out_channels": [8, 8, 16, 32]}))
    with pytest.raises(
        WeightsError, match=r"`vae/diffusion_pytorch_model.safetensors` must hold `.*` of shape"
    ):
        load_kl_autoencoder(folder)


def test_patch_code_comes_back(tmp_path):
    code = PatchAutoencoder()
    save_weights(tmp_path, "model", code.state_dict())
    (tmp_path / "config.json").write_text(json.dumps(code.config.to_dict()))
    loaded, _ = load_patch_autoencoder(tmp_path)
    images = torch.randn(1, 3, 8, 8)
    assert torch.equal(loaded.encode(images), code.encode(images))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="must give the numbers factor and latent_channels"):
        load_patch_autoencoder(tmp_path)
