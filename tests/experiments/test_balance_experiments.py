"""The balancing experiments on made data: trials, page, going on, data that are not there."""

import pytest

from palitra.errors import InputError
from palitra.experiments.catalogue import find_experiment
from palitra.experiments.page import write_page
from palitra.experiments.runner import run_experiment
from palitra.experiments.trial import Scope
from tests.experiments.made_data import write_fashion


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


@pytest.mark.parametrize("name", ["balance_tiles", "balance_fashion_lt"])
def test_five_seeds_and_a_budget_in_pictures(name, tmp_path):
    experiment = find_experiment(name)
    with pytest.raises(InputError, match="set PALITRA_DATA"):
        experiment.trials(Scope(tmp_path))
    assert experiment.seeds >= 5
