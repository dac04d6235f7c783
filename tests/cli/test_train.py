"""`palitra train eye`: a folder of weights from a folder of image sets, sentences for bad input."""

import pytest

from palitra.cli import main
from palitra.models.eye import load_eye
from tests.train.tiny_eye import write_sets

TINY = ["widths=[4, 8]", "sizes=[8]", "sizes_from=[0]", "samples=20", "text_width=8", "text_layers=1"]
TINY += ["cifar10=4", "pets=2", "pacs=2", "faces_video=1", "faces_lfw=1", "embedding=6", "bf16=false"]


def palitra(monkeypatch, capsys, *words):
    """Output, errors and exit code of one call in this process."""
    monkeypatch.setattr("sys.argv", ["palitra", "train", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    said = capsys.readouterr()
    return said.out, said.err, stopped.value.code


def test_eye_from_a_folder_of_sets(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pyarrow")
    write_sets(tmp_path / "data")
    words = ["--data", tmp_path / "data", "--run", tmp_path / "run", "--out", tmp_path / "out"]
    settings = [word for setting in TINY for word in ("--set", setting)]
    out, err, code = palitra(monkeypatch, capsys, "eye", *words, "--device", "cpu", *settings)
    assert (out, code) == (f"{tmp_path / 'out'}\n", 0)
    assert "held out at 2: cifar10 concept" in err
    assert load_eye(tmp_path / "out").shape.breeds == ("siamese",)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--set", "depth=3"], "`depth` must be one of widths, sizes"),
        (["--set", "grey=2"], "`grey` must be in [0, 1], got 2"),
        (["--set", "pets=0"], "`pets` must be in [1, 4096], got 0"),
        (["--data", "nowhere"], "`data` must hold cifar10/train.parquet"),
    ],
)
def test_bad_input_is_one_sentence(words, sentence, tmp_path, monkeypatch, capsys):
    out, err, code = palitra(monkeypatch, capsys, "eye", "--run", tmp_path, *words)
    assert (out, code) == ("", 2)
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


def test_all_is_wired_to_its_stages(tmp_path, monkeypatch, capsys):
    out, err, code = palitra(monkeypatch, capsys, "all", "--run", tmp_path, "--only", "sketch")
    assert (out, code) == ("", 2)
    assert "`only` and `skip` must leave edges in for sketch" in err
    out, err, code = palitra(monkeypatch, capsys, "all", "--run", tmp_path, "--set", "samples=3")
    assert (out, code) == ("", 2)
    assert "`set` must look like stage.key=value, got samples=3" in err
    words = ["--run", tmp_path, "--data", tmp_path / "nowhere", "--smoke"]
    out, err, code = palitra(monkeypatch, capsys, "all", *words)
    assert (out, code) == ("", 2)
    for shard in ("bsds500/val", "cifar10/train", "faces-lfw/train"):
        assert f"{shard}.parquet (missing)" in err
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
