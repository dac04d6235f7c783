import pytest
import torch

from palitra.errors import InputError, PalitraError
from palitra.metrics.eye_distance import eye_distance
from palitra.models.autoencoder import load_kl_autoencoder
from palitra.models.eye import Eye
from palitra.models.eye_network import EyeNetwork, EyeShape
from palitra.train.autoencoder import (
    AutoencoderConfig,
    AutoencoderTrainer,
    build_autoencoder,
    train_autoencoder,
)
from palitra.train.autoencoder_scores import reconstruction
from palitra.train.config import from_values
from tests.train.tiny_mini import captioned_set

CPU = torch.device("cpu")
TINY = AutoencoderConfig(
    size=32, channels=(8, 8), latent_channels=2, samples=16, batch=4, warmup=0, bf16=False, save_every=2
)


@pytest.fixture(scope="module")
def eye():
    torch.manual_seed(1)
    network = EyeNetwork(EyeShape(size=32, widths=(4, 4, 8), breeds=("pug",))).eval().requires_grad_(False)
    return Eye(network, None, None)


def trainer(eye, config=TINY):
    return AutoencoderTrainer(captioned_set(size=32).images, config, CPU, eye)


def test_two_steps_a_stop_and_two_more_are_four_bit_for_bit(eye, tmp_path, monkeypatch):
    monkeypatch.setattr("palitra.train.autoencoder.read_captioned", lambda *_: captioned_set(size=32))
    whole = train_autoencoder(TINY, tmp_path / "a", tmp_path / "a" / "vae", tmp_path, CPU, eye)
    make_step = AutoencoderTrainer.step

    class Stop(Exception):
        pass

    def stop(self, index):
        if index == 3:
            raise Stop
        return make_step(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(AutoencoderTrainer, "step", stop)
        with pytest.raises(Stop):
            train_autoencoder(TINY, tmp_path / "b", tmp_path / "b" / "vae", tmp_path, CPU, eye)
    resumed = train_autoencoder(TINY, tmp_path / "b", tmp_path / "b" / "vae", tmp_path, CPU, eye)
    for one, other in zip(whole.parameters, resumed.parameters, strict=True):
        assert torch.equal(one, other)
    loaded, _ = load_kl_autoencoder(tmp_path / "b" / "vae")
    x = captioned_set(size=32).images[:4].float() / 127.5 - 1
    with torch.no_grad():
        # the scale goes through a text file
        assert torch.allclose(loaded.encode(x), resumed.code().encode(x), atol=1e-5)


def test_latents_of_the_training_pictures_are_standard(eye):
    code = trainer(eye).code()
    with torch.no_grad():
        latents = code.encode(captioned_set(size=32).images.float() / 127.5 - 1)
    assert float(latents.mean()) == pytest.approx(0, abs=1e-4)
    assert float(latents.std()) == pytest.approx(1, abs=1e-4)
    assert (code.factor, code.channels) == (2, 2)


def test_losses_are_their_closed_forms(eye):
    made = trainer(eye)
    x, noise = made.batch(0)
    found = made.losses(x, noise)
    with torch.no_grad():
        posterior = made.vae.encode(x).latent_dist
        mean, variance = posterior.mean, posterior.var
        kl = 0.5 * (mean.square() + variance - 1 - variance.log()).sum((1, 2, 3)).mean() / x[0].numel()
        picture = made.vae.decode(mean + variance.sqrt() * noise).sample
        seen = eye_distance(eye, (picture + 1) / 2, (x + 1) / 2).mean()
    assert float(found["kl"].detach()) == pytest.approx(float(kl), rel=1e-4)
    assert float(found["error"].detach()) == pytest.approx(float((picture - x).abs().mean()), rel=1e-4)
    assert float(found["seen"].detach()) == pytest.approx(float(seen), rel=1e-3)


def test_it_learns_a_few_pictures(eye):
    config = AutoencoderConfig(
        size=32,
        channels=(8, 8),
        latent_channels=4,
        samples=400,
        batch=4,
        warmup=0,
        learning_rate=1e-2,
        perceptual_weight=0.0,
        bf16=False,
    )
    colours = captioned_set(4, 32).images[:, :, :1, :1].expand(-1, -1, 32, 32)
    made = AutoencoderTrainer(colours, config, CPU, eye)
    errors = [made.step(i)["error"] for i in range(25)]
    assert errors[-1] < 0.85 * errors[0]


def test_a_loss_that_is_not_finite_stops_the_training(eye):
    made = trainer(eye)
    with torch.no_grad():
        made.parameters[0].fill_(float("nan"))
    with pytest.raises(PalitraError, match="stopped at step 0: its loss is nan"):
        made.step(0)


def test_equal_pictures_are_infinitely_alike_and_a_blank_code_is_not(eye):
    images = captioned_set(size=32).images[:3]

    class Kept:
        encode = decode = staticmethod(lambda x: x)

    class Blank(Kept):
        decode = staticmethod(lambda x: 0 * x)

    kept, blank = reconstruction(Kept(), images, eye), reconstruction(Blank(), images, eye)
    assert kept.psnr > 100
    assert kept.lpips < 1e-6
    x = images.float() / 255
    # mid grey against the picture
    expected = 10 * torch.log10(1 / (x - 0.5).square().mean((1, 2, 3))).mean()
    assert blank.psnr == pytest.approx(float(expected), rel=1e-4)
    assert blank.lpips > kept.lpips
    assert blank.values == 3 * 32 * 32
    with pytest.raises(InputError, match="`images` must be at least 1, got 0"):
        reconstruction(Kept(), images[:0], eye)


def test_the_default_is_small():
    count = sum(p.numel() for p in build_autoencoder(AutoencoderConfig()).parameters())
    assert count < 2e6


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"channels": [12]}, "`channels` must be multiples of 8, got 12"),
        ({"size": 30}, "`size` must be a multiple of 4 from 32 on, got 30"),
        ({"kl_weight": -1}, r"`kl_weight` must be in \[0, 1000\]"),
    ],
)
def test_choices_out_of_bounds_are_named(values, words):
    with pytest.raises(InputError, match=words):
        from_values(AutoencoderConfig, values)
