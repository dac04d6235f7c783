import math
from dataclasses import replace

import pytest
import torch

from palitra.models.edge_predictor import SD_TAPS
from palitra.models.text_to_image import load_folder
from palitra.train.checkpoint import FILE
from palitra.train.config import SketchConfig
from palitra.train.sketch import (
    SketchTrainer,
    balanced,
    cosine_rate,
    predictor_config,
    taps_for,
    train_sketch,
)
from palitra.train.sketch_pack import SketchPack
from tests.tiny_studio import write_tiny_studio

TINY = SketchConfig(steps=4, batch=4, bf16=False, save_every=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_folder(write_tiny_studio(tmp_path_factory.mktemp("studio"))[0])


@pytest.fixture(scope="module")
def pack():
    g = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(6, 4, 8, 8, generator=g).bfloat16()  # noqa: E731
    ink = torch.rand(6, 1, 8, 8, generator=g) < 0.2
    return SketchPack(
        draw(), draw(), ink, torch.tensor([0, 1, 2, 0, 1, 2]), torch.randn(3, 77, 32, generator=g)
    )


def test_the_taps_are_the_papers_on_its_own_layout(model):
    assert taps_for(model) == SD_TAPS
    config = predictor_config(model, tap_norm=False)
    # the widths of this model's blocks, at the published places
    assert config.tap_channels == (32, 64, 64, 64, 64, 64, 64, 64, 64)
    assert (config.latent_channels, config.tap_norm) == (4, False)


def test_four_steps_are_two_a_stop_and_two_more_bit_for_bit(model, pack, tmp_path):
    whole = train_sketch(model, pack, TINY, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop_after_2(self, index):
        if index == 2:
            raise Stop
        return make_step(self, index)

    make_step = SketchTrainer.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SketchTrainer, "step", stop_after_2)
        with pytest.raises(Stop):
            train_sketch(model, pack, TINY, tmp_path / "parts")
    resumed = train_sketch(model, pack, TINY, tmp_path / "parts")
    assert (tmp_path / "parts" / FILE).exists()
    assert not resumed.training
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_it_learns_and_the_model_stays_as_it_is(model, pack):
    before = [p.clone() for p in model.denoiser.unet.parameters()]
    trainer = SketchTrainer(model, pack, replace(TINY, learning_rate=1e-2, steps=1000))
    errors = [trainer.step(index) for index in range(12)]
    assert min(errors[-3:]) < errors[0]
    assert all(torch.equal(a, b) for a, b in zip(before, model.denoiser.unet.parameters(), strict=True))


def test_validation_uses_the_average_and_puts_everything_back(model, pack):
    trainer = SketchTrainer(model, pack, TINY)
    trainer.step(0)
    before = [v.clone() for v in trainer.predictor.state_dict().values()]
    trainer.held_out = 2
    errors = trainer.validate()
    assert list(errors) == [*range(50, 1000, 100)]
    assert errors == trainer.validate()
    assert trainer.predictor.training
    assert all(
        torch.equal(a, b) for a, b in zip(before, trainer.predictor.state_dict().values(), strict=True)
    )


def test_half_of_the_times_are_those_where_guidance_acts(model, pack):
    trainer = SketchTrainer(model, pack, replace(TINY, batch=20_000, guided_from=0.6))
    times = trainer.draw_times(torch.Generator().manual_seed(0))
    assert (int(times.min()), int(times.max())) == (0, 999)
    assert float((times >= 600).float().mean()) == pytest.approx(0.5 + 0.5 * 0.4, abs=0.015)


def test_balanced_weighs_lines_like_paper():
    error, ink = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    ink[:, :, 0, 0] = 1
    error[0, :, 0, 0] = 2
    error[1] = 2 * (1 - ink[1])
    assert balanced(error, ink).tolist() == pytest.approx([1, 1])
    assert balanced(error, torch.zeros_like(ink)).tolist() == pytest.approx([0.5 * 2 * 3 / 3 / 16, 0.9375])


def test_the_rate_warms_up_and_falls_as_half_a_cosine():
    config = SketchConfig(steps=1000, learning_rate=2.0)
    assert cosine_rate(config, 0) == pytest.approx(0.02)
    assert cosine_rate(config, 500) == pytest.approx(1.0)
    assert cosine_rate(config, 250) == pytest.approx(1 + math.cos(math.pi / 4))
    assert cosine_rate(config, 1000) == 0


def test_a_pack_survives_its_file(pack, tmp_path):
    pack.save(tmp_path / "deep" / "triplets.safetensors")
    again = SketchPack.load(tmp_path / "deep" / "triplets.safetensors")
    for name, value in vars(pack).items():
        assert torch.equal(getattr(again, name), value)
