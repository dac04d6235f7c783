"""The commands as a user meets them, on a model trained for a moment."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from palitra.cli.zoo import app
from palitra.errors import ComposeError, InputError
from palitra.zoo.commands import sample_pictures
from palitra.zoo.models import MODELS
from palitra.zoo.reading.read import read_labelled
from palitra.zoo.run_folder import load_model
from tests.zoo.toy_images import toy_images, toy_trainer


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("cvae", "cdm", "ddpm", "sgan"):
        toy_trainer(name, folder / name).train(until=2)
    data = toy_images()
    np.savez(
        folder / "data.npz", images=data.images[:, 0].numpy(), labels=data.labels.numpy(), names=data.names
    )
    return folder


def zoo(*words):
    done = CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def size(path):
    with Image.open(path) as image:
        return image.size


def test_list_and_show_name_every_model():
    listed = zoo("list")
    assert [line.split()[0] for line in listed.splitlines()] == [m.name for m in MODELS]
    shown = zoo("show", "biggan", "--preset", "tiny", "--set", "training.batch=16")
    assert '"batch": 16' in shown


def test_train_reads_trains_and_leaves_a_sheet(runs, tmp_path):
    changes = ["--set", "training.images=16", "--set", "training.batch=8"]
    out = zoo(
        "train", "cvae", runs / "data.npz", "--run", tmp_path, "--preset", "tiny", "--device", "cpu", *changes
    )
    assert out.strip() == str(tmp_path)
    assert size(tmp_path / "sheet.png") == (640, 128)


def test_what_is_drawn_is_told_on_the_way(runs, tmp_path):
    model, card = load_model(runs / "cvae")
    stages, ticks = [], []
    sample_pictures(
        model,
        card.names,
        tmp_path,
        per_class=2,
        stage=lambda name, total: stages.append((name, total)),
        tick=ticks.append,
    )
    assert stages == [("pictures", 4)]
    assert sum(ticks) == 4


def test_per_class_gives_a_readable_set_again(runs, tmp_path):
    zoo("sample", runs / "cvae", "--out", tmp_path, "--per-class", 3, "--device", "cpu")
    again = read_labelled(tmp_path)
    assert again.names == ("dark", "light")
    assert again.counts.tolist() == [3, 3]


def test_a_class_by_name_and_the_same_seed_the_same_picture(runs, tmp_path):
    for n, folder in ((2, "a"), (5, "b")):
        zoo("sample", runs / "cvae", "--out", tmp_path / folder, "--class", "light", "-n", n, "--seed", 7)
    first, second = (np.array(Image.open(tmp_path / f / "light" / "000008.png")) for f in "ab")
    # batch mates may change the last bit of a float, hardly ever a pixel by one
    assert np.abs(first.astype(int) - second).max() <= 1


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("cvae", ["--sweep", "truncation", "--values", "0.5,2"]),
        ("cdm", ["--sweep", "guidance", "--values", "0,1", "--class", "dark"]),
        ("cvae", ["--interpolate"]),
        ("sgan", ["--per-class", "5"]),
        ("ddpm", ["-n", "3", "--steps", "2"]),
        ("ddpm", ["-n", "3", "--steps", "2", "--sampler", "ddim"]),
    ],
)
def test_sheets(runs, tmp_path, model, words):
    zoo("sample", runs / model, "--out", tmp_path / "s.png", "--device", "cpu", *words)
    assert size(tmp_path / "s.png")[0] == 640


@pytest.mark.parametrize(
    ("model", "words", "error", "sentence"),
    [
        ("cvae", ["--class", "cat"], InputError, "`class` must be one of dark, light, got cat"),
        ("cvae", ["-n", "0"], InputError, r"`n` must be in \[1, 1e\+07\], got 0"),
        ("cvae", ["--guidance", "1"], ComposeError, "`guidance` cannot be combined with `model cvae`"),
        ("cvae", ["--sampler", "ddim"], ComposeError, "`sampler` cannot be combined with `model cvae`"),
        ("cdm", ["--sampler", "magic"], InputError, r"`sampler` must be dpm\+\+ or ddim, got magic"),
        ("cdm", ["--truncation", "1"], ComposeError, "`truncation` cannot be combined with `model cdm`"),
        ("ddpm", ["--class", "dark"], ComposeError, "`class` cannot be combined with `model ddpm`"),
        ("cvae", ["--class", "dark", "--per-class", "2"], InputError, "`per_class` must come without"),
        ("cvae", ["--sweep", "colour"], InputError, "`sweep` must be truncation, guidance or steps"),
        ("sgan", ["--interpolate"], ComposeError, "`interpolate` cannot be combined"),
        ("nothing", [], InputError, "`run` must be a folder made by `palitra zoo train`"),
        ("cvae", ["--which", "first"], InputError, "`which` must be best or last, got first"),
    ],
)
def test_wrong_wishes_are_one_sentence(runs, tmp_path, model, words, error, sentence):
    with pytest.raises(error, match=sentence):
        zoo("sample", runs / model, "--out", tmp_path / "x.png", "--device", "cpu", *words)


def test_compare_and_report(runs, tmp_path):
    words = [runs / "data.npz", runs / "cvae", runs / "ddpm", "-n", 12, "--device", "cpu"]
    more = ["--extractor", "random", "--cache", tmp_path / "cache", "--json"]
    first, second = json.loads(zoo("compare", *words, *more))
    assert 0 <= first["agreement"] <= 1
    assert second["agreement"] is None
    assert {"fid@random", "kid@random", "precision@random", "coverage@random", "vendi@random"} <= set(
        first["scores"]
    )
    assert "12 generated against 64 real pictures" in first["protocol"]
    table = zoo("report", runs / "cvae", runs / "cdm")
    assert table.count("\n|") == 3
    assert "fid@random" in table
    # the other order, with the training pictures
    lines = zoo("eval", runs / "cvae", runs / "data.npz", "--train", runs / "data.npz", "-n", 4, *more[:4])
    assert "equal_to_real@random" in lines
    assert "nearer_than_unseen is left out: it needs 99 real pictures, got 64" in lines
    assert "copies: 4 generated and 64 unseen pictures against 64 training pictures" in lines


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        (["cvae", "cdm"], r"`data` must be 1 place beside runs \(folders with run.json\), got 0"),
        (["data.npz", "nothing", "cvae"], "got 2: "),
        (["data.npz"], "`run` must be a folder made by `palitra zoo train`, got only"),
    ],
)
def test_compare_knows_runs_from_data(runs, places, sentence):
    with pytest.raises(InputError, match=sentence):
        zoo("compare", *(runs / place for place in places))


def test_a_judge_of_toy_classes_is_right():
    from palitra.zoo.class_agreement import train_judge

    data = toy_images(120)
    judge = train_judge(data, samples=1280, batch=32)
    assert judge.accuracy == 1.0
    share, each = judge.agreement(data.images.float() / 127.5 - 1, 1 - data.labels)
    assert (share, each) == (0.0, [0.0, 0.0])
    assert torch.is_tensor(judge.classes(data.images.float()))
