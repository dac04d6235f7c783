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
    if "--extractor" not in words:
        words = (*words, "--extractor", "random")
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


def test_pairs_and_captions_stand_in_the_same_table(sets, monkeypatch, capsys, tmp_path):
    (tmp_path / "captions.csv").write_text(
        "file,caption\n" + "".join(f"image {i},a dog\n" for i in range(24)), encoding="utf-8"
    )
    words = ["--pairs", "--metric", "fid", "--resamples", "5", "--device", "cpu", "--no-cache"]
    out, err, code = palitra(monkeypatch, capsys, *sets, *words)
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["fid@random", "psnr", "ssim"]
    assert "pairs 24, resize none, real 24, fake 24, seed 0, pixels, palitra" in lines[2]
    assert "note: lpips is left out: `lpips` lpips-alex is not on this machine" in err
    words = ["--captions", str(tmp_path / "captions.csv"), "--metric", "fid"]
    _, err, code = palitra(monkeypatch, capsys, *sets, *words)
    assert code == 2, err
    assert "`extractor` clip is not on this machine: run `palitra models pull clip`" in err


def test_classes_are_judged_by_name(sets, monkeypatch, capsys):
    words = ["--metric", "agreement", "--metric", "cas", "--metric", "identity", "--json", "--device", "cpu"]
    out, _, code = palitra(monkeypatch, capsys, *sets, *words)
    assert code == 0
    names = [(r["name"], r["group"]) for r in json.loads(out)["results"]]
    assert names[:4] == [
        ("agreement@random", None),
        ("agreement@random", "a"),
        ("agreement@random", "b"),
        ("cas@random", None),
    ]
    assert names[4] == ("identity@random", None)
