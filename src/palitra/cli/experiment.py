"""`palitra experiment list | run | report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Comparisons of models, each one command that goes on where it was stopped.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="Name of an experiment (`palitra experiment list`).")]
Out = Annotated[Path, typer.Option(help="Folder of the kept trials.")]
Docs = Annotated[Path | None, typer.Option(help="Folder of the page and its pictures (default: OUT/NAME).")]
Records = Annotated[
    Path | None,
    typer.Option(help="Folder where finished trials are noted, small enough for version control, and found."),
]
RUNS = Path("runs/experiments")


@app.command("list")
def list_experiments() -> None:
    """The experiments by name."""
    from palitra.experiments.catalogue import EXPERIMENTS

    longest = max(map(len, EXPERIMENTS))
    for name, title in EXPERIMENTS.items():
        sys.stdout.write(f"{name:<{longest}}  {title}\n")


@app.command("run")
def run(
    name: Name,
    out: Out = RUNS,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the image sets (default: $PALITRA_DATA).")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds 0, 1, … (default: the experiment's own).")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Minutes of processor time of one thread for each training.")
    ] = None,
    docs: Docs = None,
    records: Records = None,
    jobs: Annotated[int, typer.Option(help="Trials at once, each a process of one thread.")] = 1,
    ray: Annotated[
        str | None, typer.Option(help="Trials on a Ray cluster: local, auto, or its address.")
    ] = None,
    tiny: Annotated[
        bool, typer.Option("--tiny", help="Everything in seconds, to see that it works.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="Run this one trial, such as cvae-0, without a page.")
    ] = None,
) -> None:
    """Run the trials that are neither kept nor recorded yet, then write the page."""
    from contextlib import nullcontext

    from palitra.cli.stages import trial_bar
    from palitra.data.datasets import data_root
    from palitra.errors import PalitraError
    from palitra.experiments.catalogue import find_experiment
    from palitra.experiments.page import write_page
    from palitra.experiments.records import leave_records, take_records
    from palitra.experiments.runner import Tell, run_experiment
    from palitra.experiments.trial import Scope
    from palitra.scale.ray_shards import RayShards

    experiment = find_experiment(name)
    scope = Scope(
        data or data_root(),
        experiment.seeds if seeds is None else seeds,
        experiment.budget if budget is None else budget,
        tiny,
    )
    if records is not None:
        take_records(records, name, out)
    with trial_bar(name) as (total, done), RayShards(ray) if ray else nullcontext() as cluster:

        def ended(sentence: str) -> None:
            if records is not None:
                leave_records(out, name, records)
            done(sentence)

        tell = Tell(total, ended)
        left = run_experiment(experiment, scope, out, jobs=jobs, only=only, tell=tell, spread=cluster)
    if left:
        raise PalitraError(f"{len(left)} trials did not end: {', '.join(left)}; the same command goes on")
    if only is None:
        page = write_page(experiment, out, docs or out / name)
        sys.stdout.write(f"{page}\n")


@app.command("report")
def report(name: Name, out: Out = RUNS, docs: Docs = None, records: Records = None) -> None:
    """Write the page from the kept and recorded trials alone."""
    from palitra.experiments.catalogue import find_experiment
    from palitra.experiments.page import write_page
    from palitra.experiments.records import leave_records, take_records

    if records is not None:
        take_records(records, name, out)
        leave_records(out, name, records)
    sys.stdout.write(f"{write_page(find_experiment(name), out, docs or out / name)}\n")
