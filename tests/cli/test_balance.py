"""`palitra balance` as a user meets it, with a generator trained for a moment."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from palitra.cli.main import app
from palitra.errors import InputError
from tests.balancing.blobs import blobs

WORDS = [
    "--preset", "tiny", "--set", "training.images=32", "--set", "training.batch=8", "--device", "cpu",
    "--seeds", "1", "--samples", "64", "--strategies", "synthetic", "--confidence", "0",
]  # fmt: skip


def run(*words):
    done = CliRunner().invoke(app, ["balance", *map(str, words)], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def data(tmp_path):
    found = blobs()
    images = found.images.permute(0, 2, 3, 1).numpy()
    np.savez(tmp_path / "data.npz", images=images, labels=found.labels.numpy(), names=found.names)
    return tmp_path / "data.npz"


def test_a_table_a_set_and_then_json(data, tmp_path):
    out = tmp_path / "out"
    done = run(data, "--label", "blue", "--out", out, *WORDS)
    assert "macro-F1 less nothing" in done.stdout
    assert "Generated blue:" in done.stdout
    assert (out / "balanced" / "manifest.csv").exists()
    assert any((out / "balanced" / "blue").glob("real-*.png"))
    # everything is kept: nothing is trained again
    again = run(data, "--label", "blue", "--out", out, *WORDS, "--json", "--no-write")
    report = json.loads(again.stdout)
    assert report["rare"] == ["blue"]
    assert [r["name"] for r in report["rows"]] == ["nothing", "synthetic"]
    assert report["rows"][0]["scores"]["accuracy"][1] is None


def test_a_bad_label_is_a_sentence(data, tmp_path):
    with pytest.raises(InputError, match="`label` must be one of red, green, blue, got violet"):
        run(data, "--label", "violet", "--out", tmp_path, *WORDS)
    with pytest.raises(InputError, match="`flips` must be none, horizontal or both, got up"):
        run(data, "--out", tmp_path, *WORDS, "--flips", "up")
