"""`palitra models` for weights of metrics: listed, shown, converted, refused in one sentence."""

import pytest
import torch

from palitra.cli import main
from palitra.models.arcface import ArcFace


@pytest.fixture
def palitra(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path / "home"))

    def call(*words):
        monkeypatch.setattr("sys.argv", ["palitra", "models", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main.main()
        said = capsys.readouterr()
        return said.out, said.err, stopped.value.code

    return call


def test_listed_and_shown(palitra):
    out, _, code = palitra("list")
    assert code == 0
    assert "palitra models pull inception" in out
    out, _, code = palitra("show", "inception")
    assert code == 0
    assert "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2" in out


def test_convert_writes_and_says_the_hash(palitra, tmp_path):
    torch.save(ArcFace((1, 1, 1, 1)).state_dict(), tmp_path / "backbone.pth")
    out, err, code = palitra("convert", tmp_path / "backbone.pth", "--as", "arcface")
    assert (code, err) == (0, "")
    assert "arcface.safetensors\nSHA-256 " in out
    assert "arcface" in palitra("list")[0].split("[here]")[-2]


def test_another_network_is_refused_and_leaves_what_was_there(palitra, tmp_path):
    folder = tmp_path / "home/models/arcface"
    folder.mkdir(parents=True)
    (folder / "arcface.safetensors").write_bytes(b"from before")
    torch.save({"w": torch.ones(2)}, tmp_path / "backbone.pth")
    out, err, code = palitra("convert", tmp_path / "backbone.pth", "--as", "arcface")
    assert (out, code) == ("", 2)
    assert "must hold `conv1.weight`" in err
    assert [p.read_bytes() for p in folder.iterdir()] == [b"from before"]
