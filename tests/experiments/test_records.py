"""Records carry finished trials to another folder, whole, and pages come out the same there."""

import json
from dataclasses import dataclass, field

import pytest
from typer.testing import CliRunner

from palitra.cli.experiment import app
from palitra.errors import DiskError, InputError
from palitra.experiments.kept import read_all
from palitra.experiments.page import compose, write_page
from palitra.experiments.records import leave_records, take_records
from palitra.experiments.runner import run_experiment
from palitra.experiments.trial import Findings, Scope, Trial


@dataclass
class Drawing:
    """Every trial draws a picture and notes what its page reads."""

    name: str = "drawing"
    title: str = "Drawn"
    seeds: int = 2
    budget: float = 10.0
    ran: list = field(default_factory=list)

    def trials(self, scope):
        return [Trial(name, seed, {"budget": scope.budget}) for seed in range(scope.seeds) for name in "ab"]

    def run(self, trial, place):
        self.ran.append(trial.key)
        (place.folder / "part").mkdir()
        for name in ("sheet.png", "part/facts.json", "network.bin"):
            (place.folder / name).write_text(f"{trial.key} {name}")
        return Findings({"n": trial.seed}, "how", {}, {"sheet": "sheet.png"}, ["part/facts.json"])

    def page(self, kept, docs):
        read = [(k.folder / "part" / "facts.json").read_text() for k in kept]
        shown = [(k.folder / "sheet.png").read_text() for k in kept if k.trial.seed == 0]
        return compose(self, kept, "What?", [*read, *shown])


@pytest.fixture
def recorded(tmp_path):
    one = Drawing()
    run_experiment(one, Scope(tmp_path, seeds=2), tmp_path / "out")
    assert leave_records(tmp_path / "out", "drawing", tmp_path / "records") == 4
    return tmp_path / "records"


def test_records_hold_what_pages_read_and_nothing_else(recorded):
    files = sorted(p.relative_to(recorded / "drawing").as_posix() for p in recorded.rglob("*") if p.is_file())
    assert files == sorted(
        [f"{name}-{seed}.json" for name in "ab" for seed in (0, 1)]
        + [f"{name}-{seed}/part/facts.json" for name in "ab" for seed in (0, 1)]
        + [f"{name}-0/sheet.png" for name in "ab"]
    )


def test_the_page_from_records_is_the_page_and_no_trial_runs_again(tmp_path, recorded):
    there = Drawing()
    assert take_records(recorded, "drawing", tmp_path / "there") == 4
    run_experiment(there, Scope(tmp_path, seeds=3), tmp_path / "there")
    assert there.ran == ["a-2", "b-2"]
    run_experiment(Drawing(), Scope(tmp_path, seeds=3), tmp_path / "out")
    pages = [write_page(there, tmp_path / out, tmp_path / f"{out}-docs") for out in ("there", "out")]
    here, elsewhere = (page.read_text().split("hours of processor")[0] for page in pages)
    assert here == elsewhere
    assert len(read_all(tmp_path / "there", "drawing")) == 6


def test_what_is_there_stays_as_it_is(tmp_path, recorded):
    path = tmp_path / "out" / "drawing" / "a-0.json"
    path.write_text(path.read_text().replace('"n": 0', '"n": 7'))
    assert take_records(recorded, "drawing", tmp_path / "out") == 0
    assert leave_records(tmp_path / "out", "drawing", recorded) == 0
    assert json.loads(path.read_text())["findings"]["numbers"] == {"n": 7}
    assert json.loads((recorded / "drawing" / "a-0.json").read_text())["findings"]["numbers"] == {"n": 0}


def test_empty_folders_have_nothing_to_take(tmp_path):
    assert take_records(tmp_path / "none", "drawing", tmp_path / "out") == 0
    assert not (tmp_path / "out").exists()


def test_damaged_records_and_places_that_cannot_be_written_are_named(tmp_path, recorded):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="file cannot"):
        take_records(recorded, "drawing", tmp_path / "file")
    (recorded / "drawing" / "a-0.json").write_text("{")
    with pytest.raises(InputError, match="undamaged"):
        take_records(recorded, "drawing", tmp_path / "there")


def test_names_in_a_record_lead_nowhere_else(tmp_path, recorded):
    secret = tmp_path / "secret.txt"
    secret.write_text("mine")
    path = recorded / "drawing" / "a-0.json"
    told = json.loads(path.read_text())
    told["findings"]["files"] = ["../../../secret.txt", str(secret)]
    told["trial"]["name"] = "../../up"
    path.write_text(json.dumps(told))
    assert take_records(recorded, "drawing", tmp_path / "deep" / "there") == 4
    made = {p.name for p in (tmp_path / "deep").rglob("*") if p.is_file()}
    assert "secret.txt" not in made
    assert not any(p.name.startswith("up") for p in tmp_path.rglob("*"))


def test_the_command_leaves_and_takes_records(tmp_path, monkeypatch, recorded):
    monkeypatch.setattr("palitra.experiments.catalogue.find_experiment", lambda name: there)
    words = ["--data", str(tmp_path), "--records", str(recorded), "--docs", str(tmp_path / "docs")]
    there = Drawing()
    run = ["run", "drawing", "--seeds", "3", "--out", str(tmp_path / "there"), *words]
    assert CliRunner().invoke(app, run, catch_exceptions=False).exit_code == 0
    assert there.ran == ["a-2", "b-2"]
    assert (recorded / "drawing" / "b-2.json").exists()
    report = ["report", "drawing", "--out", str(tmp_path / "later"), *words[2:]]
    assert CliRunner().invoke(app, report, catch_exceptions=False).exit_code == 0
    assert "a-2 part/facts.json" in (tmp_path / "docs" / "drawing.md").read_text()
