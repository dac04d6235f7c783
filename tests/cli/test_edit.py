"""`palitra edit` as a user meets it."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.cli.test_main import palitra, sentence

SLOW = pytest.mark.slow


@pytest.fixture
def photo(tmp_path):
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 255, (6, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@SLOW
def test_two_wishes_with_a_mask_and_a_guessed_source(tiny_folders, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path / "home"))
    mask = Image.new("L", (128, 96), 0)
    mask.paste(255, (0, 0, 64, 96))
    mask.save(tmp_path / "mask.png")
    words = [
        "edit",
        photo,
        "-t",
        "a photo of a cat",
        "-t",
        "an oil painting",
        "--mask",
        tmp_path / "mask.png",
    ]
    more = ["--steps", 4, "--model", tiny_folders[0], "--json", "--out", tmp_path / "out"]
    done = palitra(*words, *more)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wishes"] == ["a photo of a cat", "an oil painting"]
    assert "The photo was taken for" in told["notes"][0]
    small = np.asarray(Image.open(photo).resize((64, 48), Image.Resampling.LANCZOS))
    for file in told["files"]:
        made = np.asarray(Image.open(file))
        assert made.shape == (48, 64, 3)
        assert np.array_equal(made[:, 32:], small[:, 32:])
    assert list((tmp_path / "home" / "inversions").glob("*.safetensors"))
    again = json.loads(palitra(*words, *more).stdout)
    assert again["network_samples"] < told["network_samples"]


@SLOW
def test_a_comparison_is_one_sheet_with_times(tiny_folders, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path / "home"))
    words = [
        "edit",
        photo,
        "-t",
        "a cat",
        "-s",
        "a dog",
        "--compare",
        "ddim,sdedit,instruct-pix2pix",
        "--steps",
        4,
    ]
    done = palitra(*words, "--model", tiny_folders[0], "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [m["method"] for m in told["methods"]] == ["ddim", "sdedit", "instruct-pix2pix"]
    assert "extra input channels" in told["methods"][2]["error"]
    assert min(m["seconds"] for m in told["methods"][:2]) > 0
    with Image.open(told["sheet"]) as sheet:
        assert sheet.size[0] > 256


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-t", "a cat", "--strength", 3], "`strength` must be in [0, 1], got 3.0"),
        (["-t", " "], "`target` must not be empty"),
        (["-t", "a cat", "--method", "magic"], "`method` must be one of"),
        (["-t", "a cat", "--steps", 1], "`steps` must be in [2, 500], got 1"),
    ],
)
def test_bad_values_are_one_sentence(photo, words, said):
    done = palitra("edit", photo, *words)
    assert done.returncode == 2
    assert said in sentence(done)


def test_a_missing_photo_is_one_sentence(tmp_path):
    done = palitra("edit", tmp_path / "no.png", "-t", "a cat")
    assert done.returncode == 2
    assert "`photo` must name a picture file" in sentence(done)


def test_an_unknown_method_of_a_comparison_is_told_before_anything_is_loaded(photo):
    done = palitra("edit", photo, "-t", "a cat", "--compare", "ddim,magic")
    assert done.returncode == 2
    assert "got magic" in sentence(done)


@SLOW
def test_a_mask_of_another_size_is_one_sentence(tiny_folders, photo, tmp_path):
    Image.new("L", (40, 20)).save(tmp_path / "mask.png")
    words = [
        "edit",
        photo,
        "-t",
        "a cat",
        "-s",
        "a dog",
        "--mask",
        tmp_path / "mask.png",
        "--model",
        tiny_folders[0],
    ]
    done = palitra(*words)
    assert done.returncode == 2
    assert "`mask` must have the photo's size 128 x 96, got 40 x 20" in sentence(done)
