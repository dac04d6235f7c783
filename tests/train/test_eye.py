"""Training of eye: packs, batches, exact resume, what it exports."""

from dataclasses import replace

import pytest
import torch

from palitra.errors import InputError, WeightsError
from palitra.models.eye import load_eye
from palitra.train.config import load_config
from palitra.train.eye import EyeTrainer, learning_rate, train_eye
from palitra.train.eye_batch import draw_batch, training_rows, turn_through
from palitra.train.eye_config import EyeConfig
from palitra.train.eye_pack import EyePack, prepare_eye
from palitra.train.eye_phrases import collect_phrases
from tests.train.tiny_eye import TINY, write_sets

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_sets(root)
    return root


@pytest.fixture(scope="module")
def pack(data, tmp_path_factory):
    return prepare_eye(tmp_path_factory.mktemp("run"), data)


def trainer(pack, **changes):
    return EyeTrainer(pack, replace(TINY, **changes), torch.device("cpu"))


def test_the_pack_numbers_every_name(pack, tmp_path):
    assert pack.sets["cifar10"].images.shape == (60, 3, 32, 32)
    assert pack.sets["pets"].images.shape == (6, 3, 96, 96)
    assert pack.breeds == ("siamese",)
    # three people of one set and two of the other, though both call somebody 1
    assert pack.people == 5
    assert pack.sets["pets"].column("breed").tolist() == [-1, 0] * 3
    assert pack.sets["pacs"].column("domain").tolist() == [0, 2] * 4
    assert set(pack.sets["faces-lfw"].column("video").tolist()) == {-1}
    names = [pack.captions[i] for i in pack.sets["pacs"].column("caption").tolist()]
    assert names[:2] == ["a photo of a horse", "a sketch of a horse"]
    pack.save(tmp_path / "pack.safetensors")
    again = EyePack.load(tmp_path / "pack.safetensors")
    assert (again.captions, again.people) == (pack.captions, pack.people)
    assert torch.equal(again.sets["pets"].images, pack.sets["pets"].images)


def test_held_pictures_are_never_drawn(pack):
    for pictures in pack.sets.values():
        assert not pictures.held[training_rows(pictures)].any()
    # whole people are held, not single pictures of them
    faces = pack.sets["faces-video"]
    person, held = faces.column("person"), faces.held
    assert all(len(held[person == p].unique()) == 1 for p in person.unique())


def test_every_pass_sees_every_row_once():
    rows = torch.tensor([3, 5, 8, 9, 11])
    seen = torch.cat([turn_through(rows, 2, step, 0) for step in range(5)])
    assert sorted(seen[:5].tolist()) == sorted(seen[5:].tolist()) == rows.tolist()
    assert torch.equal(turn_through(rows, 7, 2, 4), turn_through(rows, 7, 2, 4))


def test_batches_depend_on_the_step_alone(pack):
    rows = {name: training_rows(s) for name, s in pack.sets.items()}
    phrases, fits = collect_phrases(pack.captions, pack.caption_concepts)
    once, again, other = (draw_batch(pack, rows, fits, TINY, step) for step in (1, 1, 3))
    assert torch.equal(once.images, again.images)
    assert torch.equal(once.phrases, again.phrases)
    assert (once.images.shape, other.images.shape) == ((10, 3, 8, 8), (10, 3, 12, 12))
    assert fits[once.column("caption"), once.phrases].all()
    assert len(phrases) == fits.shape[1]


def test_training_learns_the_colours(pack):
    made = trainer(pack, samples=300, sizes=(8,), sizes_from=(0.0,), learning_rate=0.03, grey=0.0)
    losses = [made.step(i) for i in range(30)]
    for name in ("concept", "caption"):
        first, last = (sum(x[name] for x in part) for part in (losses[:4], losses[-4:]))
        assert last < 0.8 * first
    scores = made.watch(29)
    assert set(scores) >= {"cifar10 concept", "pets concept", "pacs concept", "pacs domain"}
    assert all(0 <= v <= 1 for v in scores.values())
    assert made.network.training


def test_resumed_training_is_exact(data, tmp_path):
    whole = train_eye(TINY, tmp_path / "a", tmp_path / "a_out", data)
    half = trainer(prepare_eye(tmp_path / "b", data))
    from palitra.train.checkpoint import save_checkpoint

    for index in range(2):
        half.step(index)
    save_checkpoint(tmp_path / "b", 2, half.modules, half.optimizer, half.ema)
    again = train_eye(TINY, tmp_path / "b", tmp_path / "b_out", data)
    for name, module in whole.modules.items():
        other = again.modules[name].state_dict()
        assert all(torch.equal(v, other[k]) for k, v in module.state_dict().items()), name
    assert all(torch.equal(a, b) for a, b in zip(whole.ema.averages, again.ema.averages, strict=True))
    one, other = (load_eye(tmp_path / f"{n}_out") for n in "ab")
    x = 255 * torch.rand(2, 3, 12, 12)
    assert torch.equal(one.see(x).identity, other.see(x).identity)
    lines = (tmp_path / "a" / "watch.csv").read_text().splitlines()
    assert lines[0].startswith("step,cifar10 concept")
    assert [line.split(",")[0] for line in lines[1:]] == ["2", "4"]


def test_exported_weights_are_the_averages_folded(pack, tmp_path):
    made = trainer(pack)
    for i in range(4):
        made.step(i)
    made.export(tmp_path)
    made.ema.swap(made.averaged)
    x = 255 * torch.rand(2, 3, 12, 12)
    with torch.no_grad():
        expected = made.network.eval()(x).concepts
    # bf16 keeps eight bits
    assert torch.allclose(load_eye(tmp_path).see(x).concepts, expected, atol=0.05)


def test_rates_rise_and_fall_to_nothing():
    config = replace(TINY, samples=1000, warmup=10, decay_from=0.5, learning_rate=1.0)
    rates = [learning_rate(config, i) for i in (0, 9, 49, 75, 100)]
    assert rates == pytest.approx([0.1, 1, 1, 0.5, 0])


def test_averages_begin_anew_with_every_size(pack):
    config = replace(TINY, samples=100, sizes=(8, 12), sizes_from=(0.0, 0.35))
    sizes = [config.size_at(i) for i in range(config.steps)]
    assert sizes == [8] * 4 + [12] * 6
    assert [config.steps_at_size(i) for i in range(config.steps)] == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    made = EyeTrainer(pack, config, torch.device("cpu"))
    for i in range(5):
        made.step(i)
    # at the first step of a size nine tenths of the average are new
    before = made.ema.averages[0].clone()
    made.ema.update([p + 1 for p in made.averaged], config.steps_at_size(4))
    assert torch.allclose(made.ema.averages[0] - before, 0.9 * (made.averaged[0] + 1 - before), atol=1e-6)


def test_bad_input_is_named(tmp_path, pack):
    with pytest.raises(InputError, match=r"`data` must hold cifar10/train\.parquet"):
        prepare_eye(tmp_path, tmp_path / "nowhere")
    (tmp_path / "pack.safetensors").write_bytes(b"no pack")
    with pytest.raises(WeightsError, match="`run` must hold a whole pack"):
        prepare_eye(tmp_path, None)
    with pytest.raises(InputError, match="`sizes_from` must begin with 0 and have one value per size"):
        replace(TINY, sizes=(8, 12, 16))
    with pytest.raises(InputError, match="`sizes`"):
        load_config(EyeConfig, None, ["sizes=[16]", "sizes_from=[0]"])
    other = trainer(pack, widths=(4, 6))
    from palitra.train.checkpoint import load_checkpoint, save_checkpoint

    save_checkpoint(tmp_path, 1, other.modules, other.optimizer, other.ema)
    made = trainer(pack)
    with pytest.raises(WeightsError, match="`resume` must be a checkpoint of the same model shape"):
        load_checkpoint(tmp_path, made.modules, made.optimizer, made.ema)
