import pytest
from benchmarks.crash import run


@pytest.mark.slow
def test_killed_workers_and_a_killed_api_lose_nothing(tmp_path, monkeypatch, any_database):
    """The short form of benchmarks/crash.py: one poison job, three killed workers, one killed API."""
    for name in ("PALITRA_FOLDER", "PALITRA_MOST_QUEUED_PER_OWNER", "PYTHONPATH", "PALITRA_DB"):
        # set first, so that what `run` sets for its processes is taken back even where nothing was before
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    found = run(tmp_path, jobs=60, users=5, kills=3, restarts=1, db=any_database)
    assert found.states == {"done": 59, "failed": 1}
    assert found.codes == {"poison": 1}
    assert (found.lost, found.twice, found.gaps) == (0, 0, 0)
