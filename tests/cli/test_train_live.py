"""`palitra train sketch-adapter`, `palitra train live`, and drawing with what they made."""

import json

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

import palitra as library
from palitra.cli import main
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.train.drawing_pack import code_of
from tests.tiny_studio import drawing
from tests.train.tiny_drawings import made_pack

SHORT = ["samples=8", "batch=4", "bf16=false", "human=false", "save_every=1", "warmup=0"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_stable_diffusion(
        tmp_path_factory.mktemp("tiny") / "model", prediction_type="v_prediction", zero_terminal_snr=True
    )


@pytest.fixture(scope="module")
def drawings(model, tmp_path_factory):
    """A finished pack: no images are needed."""
    folder = tmp_path_factory.mktemp("drawings")
    pack, studio = made_pack(), library.load(str(model), "cpu")
    parts = {k: getattr(pack, k) for k in ("latents", "lines", "human", "concepts", "phrasings")}
    (folder / "photos").mkdir()
    save_file(parts, folder / "photos" / "0000.safetensors")
    index = {"texts": pack.texts, "canvas": pack.canvas, "code": code_of(studio.model), "parts": 1}
    (folder / "photos" / "index.json").write_text(json.dumps(index))
    return folder


def palitra(monkeypatch, capsys, *words):
    """Output, errors and exit code of one call in this process."""
    monkeypatch.setattr("sys.argv", ["palitra", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    said = capsys.readouterr()
    return said.out, said.err, stopped.value.code


def settings(*changes):
    return [word for change in (*SHORT, *changes) for word in ("--set", change)]


def test_an_adapter_then_a_student_then_a_draft(model, drawings, tmp_path, monkeypatch, capsys):
    where = ["--model", model, "--drawings", drawings, "--device", "cpu"]
    words = ["train", "live", *where, "--run", tmp_path / "l", *settings("rank=2", "steps=2")]
    out, err, code = palitra(monkeypatch, capsys, *words)
    assert (out, code) == ("", 2)
    assert "`adapter` must be a trained sketch adapter" in err
    words = ["train", "sketch-adapter", *where, "--run", tmp_path / "a", *settings()]
    out, err, code = palitra(monkeypatch, capsys, *words)
    assert (out, code) == (f"{model / 'live' / 'adapter'}\n", 0), err
    assert library.load(str(model), "cpu").live().way == "adapter"
    words = ["train", "live", *where, "--run", tmp_path / "l", *settings("rank=2", "steps=2")]
    out, err, code = palitra(monkeypatch, capsys, *words)
    assert (out, code) == (f"{model / 'live' / 'student'}\n", 0), err
    live = library.load(str(model), "cpu").live()
    assert (live.way, live.steps) == ("student", 2)
    made = live.draw(drawing(), "a photo of a cat", 0)
    assert made.size == (64, 64)
    assert np.asarray(made).std() > 0


def test_live_is_quality_draft(tiny_folders, tmp_path, monkeypatch, capsys):
    drawing().save(tmp_path / "cat.png")
    where = ["--model", tiny_folders[0], "--predictor", tiny_folders[1], "--device", "cpu", "--json"]
    pictures = []
    for name, option in (("one", ["--live"]), ("two", ["--quality", "draft"])):
        words = ["sketch", tmp_path / "cat.png", "-p", "a photo of a cat", *where, *option]
        out, err, code = palitra(monkeypatch, capsys, *words, "--out", tmp_path / name)
        assert code == 0, err
        with Image.open(json.loads(out)["files"][0]) as image:
            pictures.append(np.asarray(image.convert("RGB")))
    assert np.array_equal(*pictures)
