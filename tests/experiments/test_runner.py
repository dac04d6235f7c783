"""Kept trials are never run again; a killed one goes on; settings and damage are noticed."""

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import pytest
from filelock import FileLock

from palitra.errors import DiskError, InputError, PalitraError
from palitra.experiments.catalogue import EXPERIMENTS, find_experiment
from palitra.experiments.kept import find_kept, read_all
from palitra.experiments.page import compose, write_page
from palitra.experiments.runner import Tell, run_experiment
from palitra.experiments.trial import Findings, Scope, Trial


@dataclass
class Counting:
    """Counts its runs; `kill` stops the one named in the middle, `breaks` one like a training that does."""

    name: str = "counting"
    title: str = "How often"
    seeds: int = 2
    budget: float = 1.0
    ran: list = field(default_factory=list)
    kill: str = ""
    breaks: str = ""
    rate: float = 0.5

    def trials(self, scope):
        settings = {"budget": scope.budget, "t": (1, 2), "config": {"part": {"rate": self.rate}}}
        return [Trial(n, s, settings) for n in "ab" for s in range(scope.seeds)]

    def run(self, trial, place):
        self.ran.append(trial.key)
        note = place.folder / "half"
        half = note.read_text() if note.exists() else ""
        if trial.key == self.kill and not half:
            note.write_text("first")
            raise KeyboardInterrupt
        if trial.key == self.breaks:
            raise PalitraError("the training stopped at step 3: the term x became nan")
        return Findings({"fid@random": trial.seed + len(half), "none": None}, "how", {"c": [[1, 2.5]]})

    def page(self, kept, docs):
        return compose(self, kept, "How often?", [str(len(kept))])


def scope(tmp_path, **more):
    return Scope(tmp_path, **{"seeds": 2, **more})


def test_every_trial_is_kept_once_and_read_back_equal(tmp_path):
    one, ends = Counting(), []
    left = run_experiment(one, scope(tmp_path), tmp_path, tell=Tell(done=ends.append))
    assert left == []
    assert one.ran == ["a-0", "a-1", "b-0", "b-1"]
    assert len(ends) == 4
    run_experiment(one, scope(tmp_path, seeds=3), tmp_path)
    assert one.ran[4:] == ["a-2", "b-2"]
    kept = find_kept(tmp_path, "counting", one.trials(scope(tmp_path))[3])
    assert kept.findings == Findings({"fid@random": 1, "none": None}, "how", {"c": [[1, 2.5]]})
    assert kept.failed is None
    assert "processor core" in kept.machine


def test_a_killed_run_goes_on_in_the_trial_where_it_was(tmp_path):
    one = Counting(kill="a-1")
    with pytest.raises(KeyboardInterrupt):
        run_experiment(one, scope(tmp_path), tmp_path)
    run_experiment(one, scope(tmp_path), tmp_path)
    assert one.ran == ["a-0", "a-1", "a-1", "b-0", "b-1"]
    numbers = {k.trial.key: k.findings.numbers["fid@random"] for k in read_all(tmp_path, "counting")}
    assert numbers == {"a-0": 0, "a-1": 1 + len("first"), "b-0": 0, "b-1": 1}


def test_a_training_that_broke_down_is_an_outcome_and_others_go_on(tmp_path):
    one = Counting(breaks="a-0")
    run_experiment(one, scope(tmp_path), tmp_path)
    run_experiment(one, scope(tmp_path), tmp_path)
    assert len(one.ran) == 4
    page = write_page(one, tmp_path, tmp_path / "docs").read_text()
    assert "- a-0: the training stopped at step 3" in page
    assert "# How often\n\nHow often?" in page


def test_a_trial_at_work_elsewhere_is_left_to_the_other(tmp_path):
    folder = tmp_path / "counting" / "a-1"
    folder.mkdir(parents=True)
    with FileLock(folder / "lock"):
        one = Counting()
        assert run_experiment(one, scope(tmp_path), tmp_path) == ["a-1"]
    assert "a-1" not in one.ran


def test_told_to_run_one_trial_it_waits_for_the_other_process(tmp_path):
    folder = tmp_path / "counting" / "a-1"
    folder.mkdir(parents=True)
    one, held, asked = Counting(), threading.Event(), threading.Event()

    def elsewhere():
        with FileLock(folder / "lock"):
            held.set()
            asked.wait(30)

    other = threading.Thread(target=elsewhere)
    other.start()
    held.wait(30)
    tell = Tell(total=lambda count: threading.Timer(0.1, asked.set).start())
    assert run_experiment(one, scope(tmp_path), tmp_path, only="a-1", tell=tell) == []
    other.join()
    assert one.ran == ["a-1"]


def test_other_settings_and_damage_are_refused(tmp_path):
    run_experiment(Counting(), scope(tmp_path), tmp_path)
    with pytest.raises(InputError, match=r"has budget 10.0, not 5"):
        run_experiment(Counting(), scope(tmp_path, budget=5), tmp_path)
    with pytest.raises(InputError, match=r"has config\.part\.rate 0\.5, not 0\.25"):
        run_experiment(Counting(rate=0.25), scope(tmp_path), tmp_path)
    (tmp_path / "counting" / "a-0.json").write_text("{")
    with pytest.raises(InputError, match=r"`out` must hold undamaged trials, got .*a-0\.json"):
        write_page(Counting(), tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"jobs": 0}, r"`jobs` must be in \[1, 64\], got 0"),
        ({"only": "c-0"}, "`only` must be a trial of counting in its seeds, got c-0"),
    ],
)
def test_bad_wishes(tmp_path, more, sentence):
    with pytest.raises(InputError, match=sentence):
        run_experiment(Counting(), scope(tmp_path), tmp_path, **more)


def test_bad_seeds_budgets_places_and_names(tmp_path):
    with pytest.raises(InputError, match=r"`seeds` must be in \[1, 1000\], got 0"):
        run_experiment(Counting(), scope(tmp_path, seeds=0), tmp_path)
    with pytest.raises(InputError, match="`budget` must be in"):
        run_experiment(Counting(), scope(tmp_path, budget=0), tmp_path)
    with pytest.raises(InputError, match="`out` must hold kept trials of counting, got none"):
        write_page(Counting(), tmp_path, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="`out` must be a place that can be written"):
        run_experiment(Counting(), scope(tmp_path), tmp_path / "file")
    with pytest.raises(InputError, match="`name` must be one of fashion_models"):
        find_experiment("nothing")


def test_a_fault_of_ours_is_not_kept(tmp_path, monkeypatch):
    one = Counting()
    monkeypatch.setattr(one, "run", lambda trial, place: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_experiment(one, scope(tmp_path), tmp_path)
    assert list((tmp_path / "counting").glob("*.json")) == []


def test_the_catalogue_names_files_with_their_titles():
    for name, title in EXPERIMENTS.items():
        found = find_experiment(name)
        assert (found.name, found.title) == (name, title)
        assert found.seeds >= 3


def test_listing_needs_no_torch():
    code = (
        "import sys; from palitra.cli.experiment import list_experiments; list_experiments();"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].split()[0] == next(iter(EXPERIMENTS))


def test_the_json_is_plain(tmp_path):
    run_experiment(Counting(), scope(tmp_path), tmp_path)
    values = json.loads((tmp_path / "counting" / "a-0.json").read_text())
    settings = {"budget": 10.0, "t": [1, 2], "config": {"part": {"rate": 0.5}}}
    assert values["trial"] == {"name": "a", "seed": 0, "settings": settings}
    assert str(tmp_path) not in json.dumps(values)
