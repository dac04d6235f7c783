"""What the trainer draws is what the exported model draws through the engine, whatever is predicted."""

from dataclasses import replace

import pytest
import torch

from palitra.conditions.text import encode_prompts
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree
from palitra.models.autoencoder import KLAutoencoder
from palitra.models.text_to_image import load_folder, save_kl_autoencoder
from palitra.samplers.ddim import DDIM
from palitra.train.autoencoder import AutoencoderConfig, build_autoencoder
from palitra.train.captioned import CONCEPTS
from palitra.train.mini import MiniTrainer
from palitra.train.mini_export import export_mini
from palitra.train.mini_prepare import prepare_mini
from palitra.train.mini_sheet import draw
from tests.train.tiny_mini import TINY, captioned_set

CPU = torch.device("cpu")
CHOICES = {
    "v": {},
    "eps": {"prediction": "eps"},
    "x0": {"prediction": "x0", "schedule": "linear"},
    "flow": {"prediction": "flow", "schedule": "flow", "times": "logit_normal"},
    "shifted flow": {"prediction": "flow", "schedule": "flow", "shift": 2.0},
    "shifted cosine": {"shift": 0.5},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: captioned_set())
        prepare_mini(made, replace(TINY, captions="class"), made)
    return made


def by_the_engine(folder, prompts, latents, scale, steps):
    model = load_folder(folder, dtype=torch.float32)
    told, empty = encode_prompts(model, prompts)
    predictor = Predictor(
        model.denoiser, model.schedule, [ClassifierFree(told, empty.expand(len(prompts)), scale)]
    )
    x = sample(DDIM(model.schedule), predictor, latents, model.times(steps))
    return model, model.autoencoder.decode(x)


@pytest.mark.parametrize("name", CHOICES)
def test_export_load_and_sample_is_the_trainers_own_drawing(name, folder, tmp_path):
    config = replace(TINY, captions="class", learning_rate=1e-2, **CHOICES[name])
    prepared = prepare_mini(folder, config, folder / "none")
    trainer = MiniTrainer(prepared, config, tmp_path, CPU)
    for index in range(3):
        trainer.step(index)
    with torch.no_grad():
        # what is written is bf16
        for p, average in zip(trainer.parameters, trainer.ema.averages, strict=True):
            average.copy_(average.bfloat16().float())
            p.copy_(average)
    export_mini(trainer, tmp_path / "model")
    with torch.no_grad():
        own = draw(trainer, 1, 3.0, 4, trainer.config.size)
        prompts = [f"a photo of {'an' if c == 'elephant' else 'a'} {c}" for c in CONCEPTS]
        latents = torch.randn(8, 4, 4, 4, generator=torch.Generator().manual_seed(0))
        _, made = by_the_engine(tmp_path / "model", prompts, latents, 3.0, 4)
    assert own.std() > 0.01
    # four float32 evaluations, guided, of networks in other batches
    assert torch.allclose(own, made, atol=2e-3 * float(own.abs().max()))


def test_a_kl_autoencoder_takes_the_patch_codes_place(tmp_path, monkeypatch):
    monkeypatch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: captioned_set(size=32))
    torch.manual_seed(0)
    vae = build_autoencoder(AutoencoderConfig(size=32, channels=(8, 8, 8), latent_channels=4))
    save_kl_autoencoder(tmp_path / "vae", KLAutoencoder(vae))
    config = replace(TINY, size=32, vae=str(tmp_path / "vae"))
    with pytest.raises(InputError, match=r"`latent_channels` must be that of `vae` \(4\), got 16"):
        prepare_mini(tmp_path / "wrong", replace(config, latent_channels=16), tmp_path)
    prepare_mini(tmp_path / "run", config, tmp_path)
    (tmp_path / "vae").rename(tmp_path / "elsewhere")
    prepared = prepare_mini(tmp_path / "run", config, tmp_path / "none")
    assert prepared.pack.latents.shape == (24, 2, 4, 8, 8)
    trainer = MiniTrainer(prepared, config, tmp_path / "run", CPU)
    trainer.step(0)
    export_mini(trainer, tmp_path / "model")
    assert not (tmp_path / "model" / "autoencoder").exists()
    model, _ = by_the_engine(tmp_path / "model", ["a cat"], torch.zeros(1, 4, 8, 8), 2.0, 2)
    assert (model.size, model.factor, model.latent_channels) == (32, 4, 4)
    images = captioned_set(size=32).images[:2].float() / 127.5 - 1
    with torch.no_grad():
        assert torch.allclose(
            model.autoencoder.encode(images), prepared.autoencoder.encode(images), atol=1e-5
        )


def test_a_pack_of_other_pictures_is_not_taken(folder):
    with pytest.raises(InputError, match=r"`small_share` must be 0 with the pack in `run`, got 0\.3"):
        prepare_mini(folder, replace(TINY, small_share=0.3), folder)
