"""The sweep on made data, and that weights done are not drawn again."""

import json

from palitra.experiments.guidance import EXPERIMENT
from palitra.experiments.kept import read_all
from palitra.experiments.page import write_page
from palitra.experiments.runner import run_experiment
from palitra.experiments.trial import Scope
from tests.experiments.made_data import write_fashion


def test_weights_on_made_data_kept_one_by_one(tmp_path):
    data = write_fashion(tmp_path / "data")
    scope = Scope(data, 1, tiny=True)
    # one weight is there already, as after a kill
    folder = tmp_path / "guidance" / "cdm-0"
    folder.mkdir(parents=True)
    done = {"fid@random": 5.0, "precision@random": 0.5, "agreement": 0.25, "milliseconds_per_picture": 1.0}
    (folder / "weight-0.json").write_text(json.dumps(done))
    assert run_experiment(EXPERIMENT, scope, tmp_path) == []
    (kept,) = read_all(tmp_path, "guidance")
    assert kept.failed is None
    assert kept.findings.curves["agreement"][0] == [0.0, 0.25]
    assert [w for w, _ in kept.findings.curves["fid@random"]] == [0.0, 1.0]
    text = write_page(EXPERIMENT, tmp_path, tmp_path / "docs").read_text()
    assert "| w | fid@random | precision@random | agreement | seeds |" in text
    assert "| 0 | 5.00 | 0.500 | 25.0 % | 1 |" in text
    assert (tmp_path / "docs" / "guidance-plot.webp").exists()
