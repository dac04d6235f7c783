"""Rows that are what they say, and each comparison on made data."""

from dataclasses import replace

import pytest

from palitra.experiments.catalogue import find_experiment
from palitra.experiments.cifar_models import paper_table
from palitra.experiments.improved_gan import TECHNIQUES
from palitra.experiments.kept import read_all
from palitra.experiments.page import write_page
from palitra.experiments.runner import run_experiment
from palitra.experiments.trial import Scope
from palitra.zoo.models import MODELS, preset
from tests.experiments.made_data import write_cifar, write_fashion


def techniques_of(row):
    chosen = preset(row.model, "small", row.changes).regularisers
    return {name for name in TECHNIQUES if getattr(chosen, name)}


def test_the_ablation_has_all_each_left_out_and_none():
    rows = {row.name: techniques_of(row) for row in find_experiment("improved_gan").rows}
    assert rows.pop("all") == rows.pop("weak_matching") == set(TECHNIQUES)
    assert rows.pop("none") == set()
    assert {name: set(TECHNIQUES) - found for name, found in rows.items()} == {
        f"no_{name}": {name} for name in TECHNIQUES
    }


def test_schedules_are_two_by_two_and_else_the_same():
    configs = [preset(r.model, "small", r.changes) for r in find_experiment("noise_schedules").rows]
    assert {(c.loss.schedule, c.loss.kind) for c in configs} == {
        (s, k) for s in ("linear", "cosine") for k in ("epsilon", "v_prediction")
    }
    assert all((c.backbone, c.training) == (configs[0].backbone, configs[0].training) for c in configs)


@pytest.mark.parametrize("name", ["fashion_models", "cifar_models"])
def test_every_model_of_the_zoo_is_compared(name):
    assert [row.model for row in find_experiment(name).rows] == [m.name for m in MODELS]


def test_published_numbers_are_marked_as_not_run():
    lines = paper_table().splitlines()[2:]
    assert len(lines) == sum(bool(m.published) for m in MODELS)
    assert all(line.endswith("| not yet |") for line in lines)


@pytest.mark.parametrize(
    ("name", "row", "made"),
    [
        ("cifar_models", "cvae", write_cifar),
        ("improved_gan", "all", write_fashion),
        ("noise_schedules", "linear_epsilon", write_fashion),
    ],
)
def test_a_row_of_each_on_made_data(tmp_path, name, row, made):
    whole = find_experiment(name)
    one = replace(whole, rows=tuple(r for r in whole.rows if r.name == row))
    assert run_experiment(one, Scope(made(tmp_path / "data"), 1, tiny=True), tmp_path) == []
    (kept,) = read_all(tmp_path, name)
    assert kept.failed is None
    assert {"fid@random", "agreement", "images"} <= set(kept.findings.numbers)
    text = write_page(one, tmp_path, tmp_path / "docs").read_text()
    assert f"`{row}`" in text
    assert text.count("](") == len(list((tmp_path / "docs").glob("*.webp")))
    assert ("not yet" in text) == (name == "cifar_models")
