import pytest
import torch
from torch import nn

from palitra.errors import WeightsError
from palitra.train.checkpoint import FILE, load_checkpoint, read_step, save_checkpoint
from palitra.train.ema import EMA


class Run:
    def __init__(self, seed=0, width=4):
        torch.manual_seed(seed)
        self.modules = {
            "net": nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 2)),
            "head": nn.Linear(2, 1),
        }
        self.weights = [p for m in self.modules.values() for p in m.parameters()]
        self.optimizer = torch.optim.AdamW(self.weights, lr=0.1)
        self.ema = EMA(self.weights, 0.9)

    def step(self, index):
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(index))
        loss = self.modules["head"](self.modules["net"](x)).square().mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.ema.update(self.weights, index)

    def save(self, folder, step):
        save_checkpoint(folder, step, self.modules, self.optimizer, self.ema)

    def load(self, folder):
        return load_checkpoint(folder, self.modules, self.optimizer, self.ema)

    def state(self):
        moments = [s for _, s in sorted(self.optimizer.state_dict()["state"].items())]
        moments = [v for s in moments for _, v in sorted(s.items())]
        kept = [v for m in self.modules.values() for v in m.state_dict().values()]
        return [*kept, *self.ema.averages, *moments]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state(), other.state(), strict=True))


def test_three_steps_a_stop_and_three_more_are_six(tmp_path):
    whole, first, second = Run(), Run(), Run(seed=7)
    for index in range(6):
        whole.step(index)
    for index in range(3):
        first.step(index)
    first.save(tmp_path, 3)
    start = second.load(tmp_path)
    assert start == 3
    assert same(first, second)
    for index in range(start, 6):
        second.step(index)
    assert same(whole, second)


def test_no_checkpoint_is_a_fresh_start(tmp_path):
    run, untouched = Run(), Run()
    assert run.load(tmp_path / "nowhere") == 0
    assert same(run, untouched)


def test_a_new_checkpoint_replaces_the_old_one_whole(tmp_path):
    run = Run()
    for index in range(2):
        run.step(index)
        run.save(tmp_path, index + 1)
    assert read_step(tmp_path / FILE) == 2
    assert [p.name for p in tmp_path.iterdir()] == [FILE]


def test_a_stop_while_writing_keeps_the_old_one(tmp_path, monkeypatch):
    run = Run()
    run.step(0)
    run.save(tmp_path, 1)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        run.save(tmp_path, 2)
    monkeypatch.undo()
    assert Run().load(tmp_path) == 1


def test_another_shape_is_refused(tmp_path):
    run = Run()
    run.step(0)
    run.save(tmp_path, 1)
    with pytest.raises(WeightsError, match="`resume` must be a checkpoint of the same model shape, got"):
        Run(width=5).load(tmp_path)


def test_a_damaged_file_is_refused(tmp_path):
    run = Run()
    run.step(0)
    run.save(tmp_path, 1)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match="`resume` must be a whole checkpoint, got"):
        Run().load(tmp_path)
