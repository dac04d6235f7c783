from dataclasses import replace

import pytest
import torch

from palitra.errors import InputError
from palitra.train.config import MiniConfig, from_values
from palitra.train.mini import MiniTrainer, draw_batch, learning_rate, train_mini
from palitra.train.mini_prepare import prepare_mini
from palitra.train.mini_stages import Stage, stage_at, stages_of, total_steps
from tests.train.tiny_mini import TINY, captioned_set

CPU = torch.device("cpu")
STAGED = replace(TINY, size=32, stages=(16,), stages_until=(0.5,), stages_batch=(6,), samples=24)


def read(_root, _split, size):
    return captioned_set(size=size)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("staged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("palitra.train.mini_prepare.read_captioned", read)
        prepare_mini(folder, STAGED, folder)
    return prepare_mini(folder, STAGED, folder / "no images here")


def test_one_stage_is_the_whole_run():
    config = MiniConfig(samples=1000, batch=64)
    assert stages_of(config) == (Stage(64, 64, 0, 16),)
    assert stage_at(config, 99) == Stage(64, 64, 0, 16)


def test_three_stages_share_the_samples():
    config = MiniConfig(
        size=128, stages=(32, 64), stages_until=(0.6, 0.9), stages_batch=(128, 64), samples=10_000, batch=32
    )
    assert stages_of(config) == (Stage(32, 128, 0, 47), Stage(64, 64, 47, 47), Stage(128, 32, 94, 32))
    assert [stage_at(config, s).size for s in (0, 46, 47, 93, 94, 125)] == [32, 32, 64, 64, 128, 128]
    assert total_steps(config) == 126
    assert learning_rate(config, 126) == 0


def test_batches_have_the_size_of_their_stage(prepared):
    assert stages_of(STAGED) == (Stage(16, 6, 0, 2), Stage(32, 4, 2, 3))
    small, large = draw_batch(prepared, STAGED, 1), draw_batch(prepared, STAGED, 2)
    assert small.latents.shape == (6, 4, 4, 4)
    assert large.latents.shape == (4, 4, 8, 8)


def test_smaller_pictures_are_the_same_pictures_with_the_same_words(prepared):
    small = prepared.pack_of(16)
    assert small.texts == prepared.pack.texts
    assert torch.equal(small.phrasings, prepared.pack.phrasings)
    x = captioned_set(size=16).images[:2].float() / 127.5 - 1
    with torch.no_grad():
        assert torch.equal(small.latents[:2, 0], prepared.autoencoder.encode(x).bfloat16())


def test_times_move_with_the_size_only_where_asked(prepared):
    plain = draw_batch(prepared, replace(STAGED, shift_stages=False), 0).times
    moved = draw_batch(prepared, STAGED, 0).times
    assert (moved <= plain).all()
    assert not torch.equal(moved, plain)
    last = draw_batch(prepared, STAGED, 3).times
    assert torch.equal(last, draw_batch(prepared, replace(STAGED, shift_stages=False), 3).times)


def test_a_stop_in_either_stage_is_gone_on_with_bit_for_bit(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("palitra.train.mini_sheet.write_sheet", lambda *_: None)
    config = replace(STAGED, save_every=1)
    whole = train_mini(prepared, config, tmp_path / "whole", CPU)
    make_step = MiniTrainer.step

    class Stop(Exception):
        pass

    for last in (1, 2, 3):

        def stop(self, index, last=last):
            if index == last:
                raise Stop
            return make_step(self, index)

        with monkeypatch.context() as patch:
            patch.setattr(MiniTrainer, "step", stop)
            with pytest.raises(Stop):
                train_mini(prepared, config, tmp_path / "parts", CPU)
    resumed = train_mini(prepared, config, tmp_path / "parts", CPU)
    for one, other in zip(whole.parameters, resumed.parameters, strict=True):
        assert torch.equal(one, other)
    for one, other in zip(whole.ema.averages, resumed.ema.averages, strict=True):
        assert torch.equal(one, other)


def test_the_average_begins_anew_with_every_size(prepared, tmp_path):
    trainer = MiniTrainer(prepared, STAGED, tmp_path, CPU)
    for index in range(2):
        trainer.step(index)
    with torch.no_grad():
        for average in trainer.ema.averages:
            average.fill_(7.0)
    trainer.step(2)
    # the first average of a size is nine parts of the weights and one of what was there
    for average, weight in zip(trainer.ema.averages, trainer.parameters, strict=True):
        assert torch.allclose(average, 0.1 * 7.0 + 0.9 * weight.detach(), atol=1e-5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stages": [32]}, r"`stages_until` must have one share per stage \(1\)"),
        ({"stages": [32], "stages_until": [1.0]}, r"`stages_until` must grow inside \(0, 1\)"),
        ({"stages": [64], "stages_until": [0.5]}, "`stages` must grow towards `size` 64"),
        ({"stages": [40], "stages_until": [0.5]}, "`size` and `stages` must be multiples of 16, got 40"),
        ({"stages": [32], "stages_until": [0.5], "stages_batch": [8, 8]}, "got 1 and 2"),
        ({"stages": ["a"]}, "`stages` must be a list, each a whole number"),
        ({"size": 24}, "must be multiples of 16, got 24"),
        (
            {"prediction": "flow"},
            "`schedule` must be flow with the prediction flow and only there, got cosine",
        ),
        ({"schedule": "flow"}, "got flow and v"),
        ({"prediction": "noise"}, "`prediction` must be v, eps, x0 or flow, got noise"),
        ({"schedule": "sigmoid"}, "`schedule` must be cosine, linear, scaled_linear or flow, got sigmoid"),
        ({"times": "cubic"}, "`times` must be uniform or logit_normal, got cubic"),
        ({"captions": "long"}, "`captions` must be class, domain or breed, got long"),
        ({"shift": 0}, "`shift` must be above 0, got 0"),
        ({"small_share": 1}, r"`small_share` must be in \[0, 0.95\]"),
    ],
)
def test_choices_out_of_bounds_are_named(values, words):
    with pytest.raises(InputError, match=words):
        from_values(MiniConfig, values)
