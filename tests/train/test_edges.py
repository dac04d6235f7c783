"""Training of the edge detector: targets, loss, crops, exact resume."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from palitra.data.edges import EMBEDDED, EdgeDetector
from palitra.errors import InputError
from palitra.models.pidinet import PiDiNet, PiDiNetConfig
from palitra.train.config import load_config
from palitra.train.edges import (
    DEFAULTS,
    AnnotatedPicture,
    EdgesConfig,
    EdgesTrainer,
    balance_weights,
    balanced_loss,
    draw_batch,
    draw_crop,
    learning_rate,
    read_annotated,
    train_edges,
)

TINY = EdgesConfig(width=4, head_width=3, steps=4, batch=2, crop=32, warmup=2, bf16=False, save_every=2)


def made(seed: int, height: int = 48, width: int = 64) -> AnnotatedPicture:
    """A random rectangle on a random ground, its outline marked by 4 of 5."""
    g = np.random.default_rng(seed)
    image = np.full((3, height, width), g.integers(0, 100), np.uint8)
    marks = np.zeros((1, height, width), np.uint8)
    top, left = g.integers(4, 20, 2)
    image[:, top : top + 20, left : left + 24] = g.integers(150, 256, (3, 1, 1))
    marks[:, top : top + 20, left : left + 24] = 204
    marks[:, top + 1 : top + 19, left + 1 : left + 23] = 0
    return AnnotatedPicture(torch.from_numpy(image), torch.from_numpy(marks), 5)


@pytest.fixture
def data(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "data" / "bsds500"
    folder.mkdir(parents=True)

    def png(array: np.ndarray) -> dict:
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    for split, seeds in (("train", (0, 1)), ("val", (2,))):
        rows = [made(s) for s in seeds]
        table = {
            "image": [png(r.image.permute(1, 2, 0).numpy()) for r in rows],
            "boundaries": [png(r.boundaries[0].numpy()) for r in rows],
            "annotators": [r.annotators for r in rows],
        }
        pq.write_table(pa.table(table), folder / f"{split}.parquet")
    return tmp_path / "data"


def test_shipped_settings_are_the_defaults():
    assert load_config(EdgesConfig, DEFAULTS) == EdgesConfig()


def test_embedded_weights_have_the_shape_of_the_settings():
    shape = json.loads((EMBEDDED / "config.json").read_text())
    assert shape == {"width": EdgesConfig().width, "head_width": EdgesConfig().head_width}


def test_targets_and_weights():
    marks = torch.tensor([0.0, 0.0, 0.0, 0.2, 0.3, 0.4, 1.0]).view(1, 1, 1, 7)
    target, weight = balance_weights(marks, EdgesConfig())
    assert target.flatten().tolist() == [0, 0, 0, 0, 0, 1, 1]
    # 3 of 5 counted pixels are no edges: edges weigh 3/5; the others 1.1 * 2/5; the ignored 0
    expected = torch.tensor([0.44] * 3 + [0, 0] + [0.6] * 2)
    assert torch.allclose(weight.flatten(), expected)


def test_loss_equals_plain_cross_entropy():
    marks = (torch.rand(2, 1, 5, 6) < 0.2).float()
    maps = [torch.randn(2, 1, 5, 6) for _ in range(5)]
    total, mass = 0.0, 0.0
    for row in range(2):
        share = float(marks[row].mean())
        weight = torch.where(marks[row] > 0, 1 - share, 1.1 * share)
        mass += float(weight.sum())
        for m in maps:
            total += float(
                (F.binary_cross_entropy(m[row].sigmoid(), marks[row], reduction="none") * weight).sum()
            )
    assert float(balanced_loss(maps, marks, EdgesConfig())) == pytest.approx(total / mass, rel=1e-5)


def test_loss_of_a_crop_without_edges_is_finite():
    loss = balanced_loss(
        [torch.zeros(1, 1, 4, 4, requires_grad=True)], torch.zeros(1, 1, 4, 4), EdgesConfig()
    )
    assert torch.isfinite(loss)


def test_crops_keep_marks_on_their_edges():
    picture = made(3)
    picture = AnnotatedPicture(picture.boundaries.expand(3, -1, -1), picture.boundaries, 5)
    for seed in range(6):
        g = torch.Generator().manual_seed(seed)
        image, marks = draw_crop(picture, replace(TINY, scale_low=1.0, scale_high=1.3), g)
        assert image.shape == (3, 32, 32)
        assert torch.allclose(image[:1], marks, atol=1e-6)


def test_shrinking_keeps_lines_strong():
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)
    marks = torch.zeros(1, 64, 64, dtype=torch.uint8)
    marks[:, :, 30] = 255
    g = torch.Generator().manual_seed(0)
    config = replace(TINY, crop=48, scale_low=0.75, scale_high=0.75)
    _, small = draw_crop(AnnotatedPicture(image, marks, 4), config, g)
    assert float(small.amax()) > 0.6


def test_batches_depend_on_the_step_alone():
    pictures = [made(s) for s in range(3)]
    once, again, other = (draw_batch(pictures, TINY, step) for step in (5, 5, 6))
    assert torch.equal(once[0], again[0])
    assert not torch.equal(once[0], other[0])


def test_learning_rate_rises_then_drops():
    config = EdgesConfig(steps=100, warmup=10, learning_rate=1.0, drop_at=(0.5, 0.8), drop_by=0.1)
    rates = [learning_rate(config, i) for i in (0, 9, 49, 50, 80)]
    assert rates == pytest.approx([0.1, 1, 1, 0.1, 0.01])


def test_training_lowers_the_loss():
    config = replace(TINY, steps=30, batch=1, learning_rate=0.01, warmup=3)
    trainer = EdgesTrainer([made(0)], config, torch.device("cpu"))
    losses = [trainer.step(i) for i in range(30)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_resumed_training_is_exact(data, tmp_path, monkeypatch):
    whole = train_edges(TINY, tmp_path / "a", tmp_path / "a_out", data)
    step = EdgesTrainer.step

    def stop_at_two(self, index):
        if index == 2:
            raise KeyboardInterrupt
        return step(self, index)

    monkeypatch.setattr(EdgesTrainer, "step", stop_at_two)
    with pytest.raises(KeyboardInterrupt):
        train_edges(TINY, tmp_path / "b", tmp_path / "b_out", data)
    monkeypatch.undo()
    resumed = train_edges(TINY, tmp_path / "b", tmp_path / "b_out", data)
    for one, other in zip(whole.parameters, resumed.parameters, strict=True):
        assert torch.equal(one, other)
    files = [(tmp_path / f"{run}_out" / "model.safetensors").read_bytes() for run in "ab"]
    assert files[0] == files[1]


def test_exported_weights_load(data, tmp_path):
    trainer = train_edges(replace(TINY, steps=2), tmp_path / "run", tmp_path / "out", data)
    detector = EdgeDetector.load(tmp_path / "out")
    assert detector.network.config == PiDiNetConfig(4, 3)
    assert isinstance(trainer.network, PiDiNet)
    assert detector(torch.rand(1, 3, 16, 16)).shape == (1, 1, 16, 16)


def test_reading_keeps_order_and_limit(data):
    rows = read_annotated(data, "train", 1)
    assert len(rows) == 1
    assert torch.equal(rows[0].image, made(0).image)
    assert torch.equal(rows[0].boundaries, made(0).boundaries)
    assert rows[0].annotators == 5


def test_bad_input_is_named(tmp_path):
    with pytest.raises(InputError, match=r"bsds500/train\.parquet"):
        train_edges(TINY, tmp_path, tmp_path, tmp_path)
    with pytest.raises(InputError, match="`crop` must be in"):
        EdgesConfig(crop=4)
    with pytest.raises(InputError, match="`pictures` must hold"):
        EdgesTrainer([], TINY, torch.device("cpu"))
