"""Running trials: kept ones are not run again, several at once are processes of one thread each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from palitra.errors import InputError, PalitraError, check_range
from palitra.experiments.kept import SHARED, find_kept, keep, trial_folder, trial_lock
from palitra.experiments.processor_time import ProcessorClock
from palitra.experiments.trial import Experiment, Findings, Kept, Place, Scope, Trial
from palitra.scale.shards import Spread
from palitra.version import __version__

MOST_JOBS = 64


@dataclass(frozen=True)
class Tell:
    """What is told on the way: how many trials are wanted, and each one that ends with a sentence."""

    total: Callable[[int], None] = lambda count: None
    done: Callable[[str], None] = lambda sentence: None


def run_experiment(
    experiment: Experiment,
    scope: Scope,
    out: Path,
    *,
    jobs: int = 1,
    only: str | None = None,
    tell: Tell | None = None,
    spread: Spread | None = None,
) -> list[str]:
    """Run every trial that `out` does not hold; returns the keys of trials left to others or broken.

    Args:
        experiment: what to run.
        scope: data, seeds, budget.
        out: a folder; a killed run goes on in it.
        jobs: trials at once; above 1 each is a process of its own.
        only: the key of the one trial to run.
        tell: told on the way.
        spread: runs trials elsewhere, one thread each; `out` and the data must be folders that all its
            machines see. A trial whose machine died goes on where it was.

    Raises:
        InputError: no data, an unknown trial, or trials of other settings in `out`.
        DiskError: `out` cannot be written.
        PalitraError: with one job, a fault of a trial that is not its training's.
    """
    check_range("jobs", jobs, 1, MOST_JOBS)
    check_range("seeds", scope.seeds, 1, 1000)
    check_range("budget", scope.budget, 0.01, 1e5)
    tell = tell or Tell()
    wanted = list(experiment.trials(scope))
    if only is not None:
        wanted = [t for t in wanted if t.key == only]
        if not wanted:
            raise InputError(f"`only` must be a trial of {experiment.name} in its seeds, got {only}")
    waiting = [t for t in wanted if find_kept(out, experiment.name, t) is None]
    tell.total(len(waiting))
    if spread is not None:
        return list(_spread(experiment, waiting, scope, out, tell, spread))
    if jobs == 1:
        # told to run one, it waits for an orphan of a killed run that is still at it
        wait = only is not None
        return [t.key for t in waiting if not _here(experiment, t, scope, out, tell, wait)]
    return list(_processes(experiment, waiting, scope, out, jobs, tell))


def child_command(experiment: Experiment, trial: Trial, scope: Scope, out: Path) -> list[str]:
    """The command that runs one trial in a process of its own."""
    words = ["--out", out, "--data", scope.data, "--seeds", scope.seeds, "--budget", scope.budget]
    tiny = ["--tiny"] if scope.tiny else []
    command = [sys.executable, "-m", "palitra", "experiment", "run", experiment.name, "--only", trial.key]
    return [*command, *map(str, words), *tiny]


def machine_in_words() -> str:
    """Processor cores; numbers of seconds belong to them."""
    count = os.cpu_count() or 1
    return f"{count} processor core{'s' * (count > 1)}, one thread a trial"


def _here(experiment: Experiment, trial: Trial, scope: Scope, out: Path, tell: Tell, wait: bool) -> bool:
    with trial_lock(out, experiment.name, trial, wait) as mine:
        if not mine:
            tell.done(f"{trial.key}: another process works on it")
            return False
        if find_kept(out, experiment.name, trial) is not None:
            return True
        folder = trial_folder(out, experiment.name, trial)
        clock = ProcessorClock(folder / "processor_time.json")
        failed = None
        try:
            with _one_thread():
                findings = experiment.run(trial, Place(folder, out / SHARED, scope.data, clock))
        except PalitraError as error:
            if type(error) is not PalitraError:
                raise
            # a training that broke down is an outcome: it would break down again
            failed, findings = str(error), Findings({}, "")
        finally:
            clock.keep()
        about = (round(clock.seconds, 1), machine_in_words(), __version__)
        keep(Kept(trial, findings, folder, failed, *about), experiment.name)
        tell.done(f"{trial.key}: {failed or f'{clock.seconds / 60:.1f} processor minutes'}")
        return True


def _spread(
    experiment: Experiment, waiting: Sequence[Trial], scope: Scope, out: Path, tell: Tell, spread: Spread
) -> Iterator[str]:
    keys = [trial.key for trial in waiting]
    for key, sentence, ended in spread.run(run_trial, keys, experiment.name, scope, out.resolve()):
        tell.done(sentence)
        if not ended:
            yield key


def run_trial(key: str, name: str, scope: Scope, out: Path) -> tuple[str, str, bool]:
    """Run one trial by its key: the key, a sentence, and whether it ended."""
    from palitra.experiments.catalogue import find_experiment

    experiment = find_experiment(name)
    trial = next(t for t in experiment.trials(scope) if t.key == key)
    said: list[str] = []
    ended = _here(experiment, trial, scope, out, Tell(done=said.append), wait=True)
    return key, said[-1] if said else f"{key}: kept", ended


def _processes(
    experiment: Experiment, waiting: Sequence[Trial], scope: Scope, out: Path, jobs: int, tell: Tell
) -> Iterator[str]:
    running: list[subprocess.Popen[bytes]] = []

    def run(trial: Trial) -> bool:
        log = trial_folder(out, experiment.name, trial) / "log.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        with log.open("ab") as file:
            process = subprocess.Popen(  # noqa: S603 - our own command
                child_command(experiment, trial, scope, out),
                stdout=file,
                stderr=file,
                env={**os.environ, **threads},
            )
            running.append(process)
            process.wait()
        kept = find_kept(out, experiment.name, trial)
        ended = f"stopped with status {process.returncode}, see {log}"
        if kept is not None:
            ended = kept.failed or f"{kept.processor_seconds / 60:.1f} processor minutes"
        tell.done(f"{trial.key}: {ended}")
        return kept is not None

    with ThreadPoolExecutor(jobs) as pool:
        try:
            futures = {pool.submit(run, trial): trial for trial in waiting}
            for future in as_completed(futures):
                if not future.result():
                    yield futures[future].key
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                if process.poll() is None:
                    process.terminate()


@contextmanager
def _one_thread() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
