"""The balancing experiments on made data: trials, page, going on, data that are not there."""

import pytest

from palitra.balancing.near_duplicates import rows_without_near_duplicates
from palitra.balancing.settings import BalanceSettings
from palitra.balancing.task import make_task
from palitra.errors import InputError
from palitra.experiments.balance_tiles import read
from palitra.experiments.catalogue import find_experiment
from palitra.experiments.page import write_page
from palitra.experiments.runner import run_experiment
from palitra.experiments.trial import Scope
from tests.experiments.made_data import write_fashion, write_tiles


def test_a_long_tail_to_a_page(tmp_path):
    scope = Scope(write_fashion(tmp_path / "data"), seeds=2, budget=1, tiny=True)
    experiment = find_experiment("balance_fashion_lt")
    assert run_experiment(experiment, scope, tmp_path / "out") == []
    page = write_page(experiment, tmp_path / "out", tmp_path / "docs")
    text = page.read_text()
    for words in ("| nothing |", "| generated |", "less nothing", "Best baseline", "2 seeds"):
        assert words in text
    for name in ("balance_fashion_lt.webp", "balance_fashion_lt-sheet.webp"):
        assert name in text
        assert (tmp_path / "docs" / name).stat().st_size > 100


def test_the_tiles_are_pooled_and_cut_where_pictures_are_unlike(tmp_path):
    data = write_tiles(tmp_path / "data")
    whole, held_out = read(data, False)
    assert held_out is None
    assert whole.counts.tolist() == [24, 40]
    task = make_task(
        whole, None, BalanceSettings(near_duplicates=find_experiment("balance_tiles").near_duplicates)
    )
    # whole groups of four, at most a quarter of a class
    assert task.test.counts.tolist() == [4, 8]
    assert len(rows_without_near_duplicates(task.pool.images, task.test.images, 0.9)) == len(task.pool)
    scope = Scope(data, seeds=1, budget=1, tiny=True)
    experiment = find_experiment("balance_tiles")
    assert experiment.trials(scope)[0].settings["near_duplicates"] == 0.9
    assert run_experiment(experiment, scope, tmp_path / "out") == []
    text = write_page(experiment, tmp_path / "out", tmp_path / "docs").read_text()
    assert "correlate above 0.9" in text


@pytest.mark.parametrize("name", ["balance_tiles", "balance_fashion_lt"])
def test_five_seeds_and_a_budget_in_pictures(name, tmp_path):
    experiment = find_experiment(name)
    with pytest.raises(InputError, match="set PALITRA_DATA"):
        experiment.trials(Scope(tmp_path))
    assert experiment.seeds >= 5
