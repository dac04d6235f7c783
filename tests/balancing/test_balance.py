"""The whole comparison on coloured blobs: identities, going on, and files."""

import csv
import json
from dataclasses import replace

import pytest
import torch

from palitra.balancing.balance import balance
from palitra.balancing.kept import outcome_path, read_outcome
from palitra.balancing.seed_run import SeedRun
from palitra.balancing.strategies.catalogue import find_strategies
from palitra.balancing.strategies.strategy import repeated_rows
from palitra.balancing.task import make_task
from palitra.balancing.written_set import write_set
from palitra.errors import InputError
from palitra.zoo.reading.read import read_labelled
from tests.balancing.blobs import NO_SIEVE, Repeats, blobs, small_settings

TEST = (5, 5, 5)


def task_of(settings):
    return make_task(blobs(), blobs(TEST, seed=3), settings)


def fresh():
    """Blobs nobody has seen, as a generator."""
    more = blobs((60, 60, 60), seed=11)
    return Repeats([more.images[more.labels == k] for k in range(3)])


def run_of(settings, folder, generator=None):
    return SeedRun(task_of(settings), settings, 0, folder, generator=generator or fresh())


def outcome(run, name):
    (strategy,) = (s for s in find_strategies([name]) if s.name == name)
    return run.outcome(strategy)


def test_generated_rows_of_weight_0_equal_nothing_bit_for_bit(tmp_path):
    run = run_of(small_settings(weight=0.0, sieve=NO_SIEVE), tmp_path)
    nothing, synthetic = outcome(run, "nothing"), outcome(run, "synthetic")
    assert synthetic.about["tally"]["blue"]["kept"] > 0
    assert synthetic.predictions == nothing.predictions
    assert synthetic.scores == nothing.scores


def test_repeated_real_rows_as_generated_ones_of_full_weight_equal_oversampling(tmp_path):
    settings = small_settings(weight=1.0, sieve=NO_SIEVE)
    run = run_of(settings, tmp_path)
    extra = repeated_rows(run.train.labels, run.target, run.seed)
    labels = run.train.labels[extra]
    # the sieve would see the copies: they come from where sieved pictures lie
    made = run.synthetic
    assert made.labels.bincount().tolist() == labels.bincount().tolist()
    run.__dict__["synthetic"] = replace(made, images=run.train.images[extra], labels=labels)
    assert outcome(run, "synthetic").scores == outcome(run, "oversampling").scores


def test_the_score_of_real_pictures_is_plain_accuracy(tmp_path):
    """CAS of training rows in the place of generated ones is the accuracy of the same classifier on them."""
    settings = small_settings(cas=24)
    run = run_of(settings, tmp_path)
    rows = [run.train.images[run.train.labels == k] for k in range(3)]
    run = run_of(settings, tmp_path, Repeats(rows))
    found = run.cas()
    assert found.scores["cas"] == pytest.approx(found.scores["accuracy"])
    assert found.rows == [8, 8, 8]
    assert sum(found.recalls) / 3 == pytest.approx(found.scores["balanced_accuracy"])


def test_training_validation_and_test_share_no_pixels(tmp_path):
    run = run_of(small_settings(), tmp_path)
    held = run.task.pool.rows(run.split.cut)
    sides = [{i.numpy().tobytes() for i in part.images} for part in (run.train, held, run.task.test)]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 55


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("balance")
    settings = small_settings(cas=12, sieve=NO_SIEVE)
    report, run = balance(task_of(settings), settings, folder, generator_of=lambda seed: fresh())
    return folder, settings, report, run


def test_the_report_has_every_strategy_and_both_rivals(done):
    folder, settings, report, _ = done
    assert [r.name for r in report.rows] == list(settings.strategies)
    assert report.row("nothing").against.keys() <= {report.best_baseline}
    assert set(report.row("synthetic").against) == {"nothing", report.best_baseline}
    assert report.row("synthetic").rows == {"red": 19, "green": 19, "blue": 19}
    plain = json.loads((folder / "report.json").read_text())
    assert plain["rows"][0]["scores"]["accuracy"][0] == pytest.approx(
        report.row("nothing").scores["accuracy"][0]
    )
    assert "| generated |" in (folder / "report.md").read_text()
    assert "macro-F1 less nothing" in (folder / "report.txt").read_text()
    assert (folder / "report.webp").stat().st_size > 1000


def test_it_goes_on_where_it_was(done):
    folder, settings, report, _ = done
    kept = outcome_path(folder, 1, "smote")
    before = read_outcome(kept)
    kept.unlink()
    outcome_path(folder, 0, "nothing").write_text("{half")

    def gone(seed):
        raise AssertionError("kept pictures are not drawn again")

    class Never:
        draw = gone

    again, _ = balance(task_of(settings), settings, folder, generator_of=lambda seed: Never())
    assert replace(read_outcome(kept), seconds=0) == replace(before, seconds=0)
    assert again.to_json() == report.to_json()


def test_another_setting_in_the_folder_is_named(done):
    folder, settings, _, _ = done
    other = replace(settings, weight=0.25)
    with pytest.raises(InputError, match=r"same settings, but .* has weight: 0.5, not 0.25"):
        balance(task_of(other), other, folder)
    with pytest.raises(InputError, match=r"same settings, but .* has data: "):
        balance(make_task(blobs(seed=4), blobs(TEST, seed=3), settings), settings, folder)


def test_the_balanced_set_is_a_readable_set_and_says_what_is_made(done, tmp_path):
    _, settings, _, run = done
    manifest = write_set(tmp_path / "set", run.task.pool, run.synthetic, settings.weight)
    folder, table = read_labelled(tmp_path / "set"), read_labelled(manifest)
    assert len(folder) == len(table) == 40 + len(run.synthetic.labels)
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    made = [r for r in rows if r["kind"] == "synthetic"]
    assert len(made) == len(run.synthetic.labels)
    assert all(r["path"].split("/")[1].startswith("synthetic-") and r["weight"] == "0.5" for r in made)
