"""The command on made data: trials, processes, page, and going on."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from palitra.cli.experiment import app
from palitra.errors import InputError
from palitra.experiments import fashion_models
from tests.experiments.made_data import write_fashion


def experiment(*words):
    done = CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_fashion(tmp_path_factory.mktemp("data"))


def test_two_models_to_a_page(data, tmp_path, monkeypatch):
    few = tuple(row for row in fashion_models.EXPERIMENT.rows if row.name in ("gan", "cvae"))
    monkeypatch.setattr(fashion_models, "EXPERIMENT", replace(fashion_models.EXPERIMENT, rows=few))
    words = ["fashion_models", "--out", tmp_path / "out", "--data", data, "--seeds", 1, "--tiny"]
    page = experiment("run", *words, "--docs", tmp_path / "docs").strip()
    text = (tmp_path / "docs" / "fashion_models.md").read_text()
    assert page == str(tmp_path / "docs" / "fashion_models.md")
    for word in (
        "fid@random",
        "kid@random",
        "`cvae` Conditional",
        "Best by fid@random",
        "fashion_models-rows.webp",
    ):
        assert word in text
    for name in ("rows", "plot", "curves", "gan", "cvae"):
        assert (tmp_path / "docs" / f"fashion_models-{name}.webp").stat().st_size > 100
    numbers = json.loads((tmp_path / "out" / "fashion_models" / "cvae-0.json").read_text())["findings"][
        "numbers"
    ]
    assert {"fid@random", "agreement", "parameters", "images"} <= set(numbers)
    # the page again, from what is kept alone
    experiment("report", "fashion_models", "--out", tmp_path / "out", "--docs", tmp_path / "again")
    assert (tmp_path / "again" / "fashion_models.md").read_text() == text


@pytest.mark.slow
def test_one_trial_in_a_process_of_its_own(data, tmp_path):
    words = ["--out", tmp_path, "--data", data, "--seeds", 1, "--tiny", "--jobs", 2, "--only", "vae-0"]
    experiment("run", "fashion_models", *words)
    assert json.loads((tmp_path / "fashion_models" / "vae-0.json").read_text())["failed"] is None
    assert (tmp_path / "fashion_models" / "vae-0" / "log.txt").exists()


def test_data_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match=r"`data` must hold fashion-mnist/train\.npz"):
        experiment("run", "fashion_models", "--out", tmp_path, "--data", tmp_path)
