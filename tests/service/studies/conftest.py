import pytest

from palitra.service.studies.making import Terms, make_study
from palitra.study.exhibits import find_show
from tests.study.runs import make_runs

NAME = "pilot"


@pytest.fixture
def show(tmp_path):
    return find_show(make_runs(tmp_path / "runs", arms=("ours", "theirs", "third")))


@pytest.fixture
def make(engine, blobs, show):
    def made(name=NAME, **terms):
        terms = {"pairs": 6, "checks": 2, "seed": 3, **terms}
        make_study(engine, blobs, name, show, Terms(**terms))
        return name

    return made
