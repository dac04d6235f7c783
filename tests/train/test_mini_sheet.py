import numpy as np
import torch
from PIL import Image

from palitra.train.captioned import CONCEPTS
from palitra.train.mini import MiniTrainer
from palitra.train.mini_prepare import prepare_mini
from palitra.train.mini_sheet import write_sheet
from tests.train.tiny_mini import TINY, captioned_set


def test_a_sheet_has_three_rows_of_every_concept_and_leaves_the_weights_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: captioned_set())
    trainer = MiniTrainer(prepare_mini(tmp_path, TINY, tmp_path), TINY, tmp_path, torch.device("cpu"))
    with torch.no_grad():
        for average in trainer.ema.averages:
            average.add_(0.01)
    before = [p.detach().clone() for p in trainer.parameters]
    averages = [a.clone() for a in trainer.ema.averages]
    write_sheet(trainer, tmp_path / "sheets" / "one.png", TINY.size, steps=2)
    write_sheet(trainer, tmp_path / "two.png", TINY.size, steps=2)
    one, two = (np.asarray(Image.open(tmp_path / p)) for p in ("sheets/one.png", "two.png"))
    # twice the pixels, so that small pictures can be seen
    assert one.shape == (3 * 2 * TINY.size, len(CONCEPTS) * 2 * TINY.size, 3)
    assert np.array_equal(one, two)
    assert one.std() > 1
    # a stage of smaller pictures is shown as large
    write_sheet(trainer, tmp_path / "small.png", TINY.size // 2, steps=2)
    assert np.asarray(Image.open(tmp_path / "small.png")).shape == one.shape
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(averages, trainer.ema.averages, strict=True))
