"""`palitra metrics`: lines with protocols, JSON, sentences for bad input."""

import json

import numpy as np
import pytest

from palitra.cli import main


@pytest.fixture
def sets(tmp_path, monkeypatch):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    for name, top in (("real", 256), ("fake", 128)):
        images = rng.integers(0, top, (24, 16, 16), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=images, labels=np.arange(24) % 2, names=["a", "b"])
    return [str(tmp_path / f"{name}.npz") for name in ("real", "fake")]


def palitra(monkeypatch, capsys, *words):
    """Output, errors and exit code of one call in this process."""
    monkeypatch.setattr("sys.argv", ["palitra", "metrics", *words])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    said = capsys.readouterr()
    return said.out, said.err, stopped.value.code


def test_json_holds_results_with_their_protocol(sets, monkeypatch, capsys, tmp_path):
    words = ["--per-class", "--json", "--resamples", "5", "--device", "cpu", "--metric", "fid"]
    out, _, code = palitra(monkeypatch, capsys, *sets, *words)
    assert code == 0
    held = json.loads(out)
    names = [(r["name"], r["group"]) for r in held["results"]]
    assert names == [
        ("fid@random", None),
        ("fid@random", "a"),
        ("fid@random", "b"),
        ("fid_intra_class@random", None),
    ]
    first = held["results"][0]
    assert (first["real"], first["fake"], first["resize"], first["seed"]) == (24, 24, "clean", 0)
    assert first["interval"]["low"] <= first["value"] <= first["interval"]["high"]
    assert len(list((tmp_path / "home" / "features").iterdir())) == 1


def test_lines_never_say_fid_alone(sets, monkeypatch, capsys):
    words = ["--resamples", "0", "--metric", "fid", "--metric", "is", "--resize", "tf1", "--no-cache"]
    out, _, code = palitra(monkeypatch, capsys, *sets, *words)
    assert code == 0
    assert out.startswith("fid@random ")
    assert "resize tf1" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--extractor", "vgg"], "`extractor` must be one of inception, dinov2"),
        (["--extractor", "eye=nowhere"], "`extractor` eye must be a folder that `palitra train eye` wrote"),
        (
            ["--extractor", "inception"],
            "`extractor` inception is not on this machine: run `palitra models pull inception`",
        ),
        (["--resize", "lanczos"], "`resize` must be one of clean, tf1, torch, got lanczos"),
        (["--metric", "lpips"], "`metrics` must be of fid"),
        (["--limit", "0"], "`limit` must be at least 1, got 0"),
        (["--limit", "1", "--metric", "fid"], "`real` must have at least 2 images, got 1"),
        (["--batch", "0"], "`batch` must be in [1, 4096], got 0"),
        (["--held-out", "nowhere"], "`images` must be a folder, a .parquet or an .npz file, got nowhere"),
    ],
)
def test_bad_input_is_one_sentence(words, sentence, sets, monkeypatch, capsys):
    out, err, code = palitra(monkeypatch, capsys, *sets, *words)
    assert (out, code) == ("", 2)
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
