"""`palitra study` as an operator meets it."""

import csv
import io
import json

import pytest

pytest.importorskip("dbos", reason="the service's libraries are not installed: pip install palitra[service]")

from typer.testing import CliRunner

from palitra.cli.main import app
from palitra.errors import ConflictError, InputError, NotFoundError
from palitra.service.database import open_database
from palitra.service.settings import Settings
from palitra.service.studies.study import find_study
from palitra.service.studies.taking_part import answer, join
from palitra.study.design import NOISE, plan
from tests.study.runs import make_runs

ARMS = ("ours", "theirs", "third")


@pytest.fixture
def palitra(tmp_path, monkeypatch):
    monkeypatch.setenv("PALITRA_FOLDER", str(tmp_path / "data"))

    def run(*words):
        done = CliRunner().invoke(app, ["study", *map(str, words)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


@pytest.fixture
def runs(tmp_path):
    return make_runs(tmp_path / "runs", arms=ARMS)


def take_part(settings, people=3):
    """Everybody prefers the arm that comes first by its number, and sees through the checks."""
    engine = open_database(settings.database_url)
    study = find_study(engine, "pilot")
    for person in range(people):
        number = join(engine, study, f"p{person}")
        for place, trial in enumerate(plan(study.design, number)):
            better = trial.left if trial.right == NOISE else trial.right
            if not trial.is_check:
                better = min(trial.left, trial.right)
            side = "left" if better == trial.left else "right"
            answer(
                engine,
                study,
                number,
                place,
                {"edit": side, "structure": "left"}
                if not trial.is_check
                else {"edit": side, "structure": side},
            )
    engine.dispose()


def test_made_answered_reported_closed_and_removed(palitra, runs, tmp_path):
    made = palitra("make", "pilot", *runs, "--pairs", 6, "--title", "Cats")
    assert made.stdout == "http://127.0.0.1:8000/study/pilot\n"
    assert "3 arms, 4 items" in made.stderr
    take_part(Settings())
    assert "pilot  open" in palitra("list").stdout
    assert "3 began, 3 finished  ours, theirs, third  Cats" in palitra("list").stdout
    text = palitra("report", "pilot", "--resamples", 20).stdout
    assert "3 participants counted (3 came to the end), 0 left out" in text
    assert "ours over theirs" in text
    assert "100.0 %" in text
    files = ["--csv", tmp_path / "r.csv", "--plot", tmp_path / "r.png"]
    told = json.loads(palitra("report", "pilot", "--json", "--resamples", 20, *files).stdout)
    edit = told["questions"][0]
    assert [p["arm"] for p in edit["ranking"]] == ["ours", "theirs", "third"]
    assert [s["share"] for s in edit["shares"]] == [1, 1, 1]
    assert [s["answers"] for s in edit["shares"]] == [6, 6, 6]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text(encoding="utf-8"))))
    assert (rows[0]["first"], rows[0]["wins"], rows[0]["answers"]) == ("ours", "6", "6")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    palitra("close", "pilot")
    assert "pilot  closed" in palitra("list").stdout
    palitra("remove", "pilot")
    assert palitra("list").stdout == ""


def test_fewer_pairs_than_asked_for_are_told(palitra, runs, tmp_path):
    (tmp_path / "runs" / "ours" / "b.png").unlink()
    made = palitra("make", "small", *runs, "--against", "ours")
    assert "there are only 6 pairs" in made.stderr
    assert "left out, since not every arm, photo and wish is there: b" in made.stderr


def test_without_matplotlib_a_plot_is_refused_in_a_sentence(palitra, monkeypatch):
    monkeypatch.setattr("palitra.cli.study.find_spec", lambda name: None)
    with pytest.raises(InputError, match="`plot` needs matplotlib"):
        palitra("report", "pilot", "--plot", "p.png")


def test_bad_words_are_sentences(palitra, runs):
    with pytest.raises(InputError, match="`against` must be one of ours, theirs, third, got nobody"):
        palitra("make", "pilot", *runs, "--against", "nobody")
    with pytest.raises(InputError, match="`name` must be 1 to 60"):
        palitra("make", "Pilot!", *runs)
    palitra("make", "pilot", *runs)
    with pytest.raises(ConflictError, match="`name` must be new"):
        palitra("make", "pilot", *runs)
    with pytest.raises(InputError, match="`resamples` must be in"):
        palitra("report", "pilot", "--resamples", 0)
    with pytest.raises(InputError, match="`level` must be inside"):
        palitra("report", "pilot", "--level", 1)
    for command in ("close", "remove", "report"):
        with pytest.raises(NotFoundError, match="`study` must be the name of a study, got none"):
            palitra(command, "none")
