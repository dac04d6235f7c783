"""Training of the upscaler: what it sees, its loss, exact resume."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from palitra.errors import InputError
from palitra.models.patch_autoencoder import PatchAutoencoder
from palitra.models.upscaler import load_upscaler
from palitra.train.upscale import (
    SETS,
    UpscaleConfig,
    UpscaleTrainer,
    charbonnier,
    coded,
    draw_batch,
    half,
    learning_rate,
    original,
    read_cells,
    through_jpeg,
    train_upscale,
)

CLEAN = UpscaleConfig(
    width=4, blocks=1, steps=4, batch=2, warmup=2, coded=0, jpeg=0, noisy=0, bf16=False, save_every=2
)


def cell(seed, side=128):
    """A picture of smooth colours, as a file keeps it."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return {"bytes": buffer.getvalue()}


CELLS = [cell(seed) for seed in range(5)]


@pytest.fixture(scope="module")
def code():
    torch.manual_seed(0)
    autoencoder = PatchAutoencoder()
    autoencoder.fit(torch.stack([original(c) for c in CELLS]).float() / 127.5 - 1)
    return autoencoder


@pytest.fixture
def data(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for name in SETS:
        (tmp_path / name).mkdir()
        pq.write_table(
            pa.table({"image": [{**c, "path": None} for c in CELLS]}), tmp_path / name / "train.parquet"
        )
    return tmp_path


def test_clean_inputs_are_halves_of_their_targets(code):
    small, large = draw_batch(CELLS, code, replace(CLEAN, batch=8), 3)
    assert small.shape == (8, 3, 64, 64)
    assert large.shape == (8, 3, 128, 128)
    for one, whole in zip(small, large, strict=True):
        assert torch.equal(half((whole * 255).round().byte()).float() / 255, one)


def test_a_batch_is_a_pure_function_of_its_step(code):
    config = replace(CLEAN, coded=0.5, jpeg=0.5, noisy=0.5)
    first, again, other = (draw_batch(CELLS, code, config, step) for step in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_coded_inputs_went_through_the_autoencoder(code):
    plain, _ = draw_batch(CELLS, code, CLEAN, 0)
    through, _ = draw_batch(CELLS, code, replace(CLEAN, coded=1), 0)
    expected = (coded(plain, code) * 255).round() / 255
    assert torch.allclose(through, expected, atol=1e-6)  # the same bytes, divided
    assert not torch.equal(through, plain)


def test_noise_and_jpeg_stay_light(code):
    plain, _ = draw_batch(CELLS, code, CLEAN, 0)
    noisy, _ = draw_batch(CELLS, code, replace(CLEAN, noisy=1, noise=2), 0)
    assert 0 < float((noisy - plain).abs().max()) < 12 / 255
    packed, _ = draw_batch(CELLS, code, replace(CLEAN, jpeg=1), 0)
    assert 0 < float((packed - plain).abs().mean()) < 5 / 255


def test_jpeg_is_the_files_own():
    image = original(CELLS[0])
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=80)
    assert np.array_equal(through_jpeg(image, 80).permute(1, 2, 0).numpy(), np.asarray(Image.open(buffer)))


def test_pictures_of_another_size_are_brought_to_128():
    assert original(cell(0, side=200)).shape == (3, 128, 128)


def test_charbonnier():
    assert float(charbonnier(torch.tensor([3.0, 0.0]), 4.0)) == pytest.approx((5 + 4) / 2)


def test_rate_rises_stays_and_falls():
    config = UpscaleConfig(steps=100, warmup=10, decay_from=0.5, learning_rate=1.0)
    assert [learning_rate(config, s) for s in (0, 9, 50, 75, 100)] == pytest.approx([0.1, 1, 1, 0.5, 0])


def test_it_learns(code):
    config = replace(CLEAN, steps=30, batch=4, learning_rate=0.003)
    trainer = UpscaleTrainer(CELLS, code, config, torch.device("cpu"))
    losses = [trainer.step(i) for i in range(30)]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])


def test_a_killed_run_goes_on_exactly(tmp_path, code, data):
    whole = train_upscale(CLEAN, code, tmp_path / "a", tmp_path / "a" / "model", data)

    class Killed(Exception):
        pass

    step, calls = UpscaleTrainer.step, []

    def dying(self, index):
        calls.append(index)
        if index == 3:
            raise Killed
        return step(self, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UpscaleTrainer, "step", dying)
        with pytest.raises(Killed):
            train_upscale(CLEAN, code, tmp_path / "b", tmp_path / "b" / "model", data)
    resumed = train_upscale(CLEAN, code, tmp_path / "b", tmp_path / "b" / "model", data)
    assert calls == [0, 1, 2, 3]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters, resumed.parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(whole.ema.averages, resumed.ema.averages, strict=True))
    ours, theirs = (load_upscaler(tmp_path / n / "model").fingerprint for n in "ab")
    assert ours == theirs


def test_missing_data_is_named(tmp_path):
    with pytest.raises(InputError, match=r"pets/train\.parquet"):
        read_cells(tmp_path, "train")


def test_no_pictures_are_refused(code):
    with pytest.raises(InputError, match="at least one picture"):
        UpscaleTrainer([], code, CLEAN, torch.device("cpu"))


@pytest.mark.parametrize("wrong", [{"coded": 1.5}, {"jpeg": -0.1}, {"quality_low": 99}])
def test_settings_have_bounds(wrong):
    with pytest.raises(InputError):
        UpscaleConfig(**wrong)
