"""Two workers with one number on one host: the second says so and ends."""

import os
import subprocess
import sys

import pytest

from palitra.errors import InputError
from palitra.service.database import open_database
from palitra.service.workers import number as module
from palitra.service.workers.number import hold_number
from tests.service.test_heartbeat import ROOT


@pytest.fixture
def database(any_database):
    return any_database


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.15)


@pytest.fixture
def other(settings):
    """Another process's engine."""
    made = open_database(settings.database_url)
    yield made
    made.dispose()


def test_a_number_is_held_by_one(engine, other):
    held = hold_number(engine, "host-0", 0)
    with pytest.raises(InputError, match="`number` must be one that no other worker of this host has, got 0"):
        hold_number(other, "host-0", 0)
    hold_number(other, "host-1", 1).let_go()
    held.let_go()
    hold_number(other, "host-0", 0).let_go()


@pytest.mark.slow
def test_the_second_worker_says_so_in_one_sentence_and_ends(settings, engine):
    from palitra.service.workers.worker import worker_id

    held = hold_number(engine, worker_id(0), 0)
    environment = {
        **os.environ,
        "PALITRA_FOLDER": str(settings.folder),
        "PALITRA_DB": settings.database_url,
    }
    command = [sys.executable, "-m", "palitra", "worker", "--number", "0"]
    ended = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    held.let_go()
    assert ended.returncode == 2
    assert "must be one that no other worker of this host has, got 0" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
