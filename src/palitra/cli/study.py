"""`palitra study`: blind comparisons by people, on a page of the service."""

from __future__ import annotations

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from palitra.cli.serve import Db, Folder, settle
from palitra.errors import InputError

app = typer.Typer(
    help="Let people compare edits blindly, on a page of the service.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(help="The study's name, as in its link.")]


@app.command("make")
def make(
    name: Annotated[str, typer.Argument(help="a-z, 0-9 and -; the link ends with it.")],
    runs: Annotated[list[str], typer.Argument(help="Folders of pictures, one per arm, or NAME=FOLDER.")],
    set_file: Annotated[
        Path | None, typer.Option("--set", help="The set the runs were made of; else words.csv beside them.")
    ] = None,
    pairs: Annotated[int, typer.Option(help="Pairs of one participant, 1 to 200.")] = 30,
    checks: Annotated[int, typer.Option(help="Checks of attention among them, 0 to 20.")] = 4,
    allowed: Annotated[
        int | None, typer.Option(help="Checks that may be failed; else a quarter of them.")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Compare this arm with every other, not all.")] = None,
    title: Annotated[str, typer.Option(help="Shown on the page; must not tell the arms.")] = "",
    equal: Annotated[bool, typer.Option("--equal", help="Let people answer: about the same.")] = False,
    members: Annotated[bool, typer.Option("--members", help="Only with a login.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of pairs, sides and order; else drawn.")] = None,
    folder: Folder = None,
    db: Db = None,
) -> None:
    """Make a study of two or more runs and print its link; `palitra serve` shows it."""
    settle(folder=folder, db=db)
    from palitra.service.settings import Settings
    from palitra.service.studies.desk import StudyDesk
    from palitra.service.studies.making import Terms
    from palitra.study.design import Design
    from palitra.study.exhibits import find_show

    show = find_show(runs, set_file)
    against_number = show.arms.index(against) if against in show.arms else None
    cells = Design(len(show.arms), len(show.exhibits), 1, 0, 0, against_number).cells
    if pairs > cells:
        sys.stderr.write(f"note: there are only {cells} pairs, so a participant sees {cells}\n")
    terms = Terms(title, min(pairs, cells), checks, allowed, against, equal, members, seed)
    with StudyDesk.open(Settings()) as desk:
        link = desk.make(name, show, terms)
    if show.left_out:
        few = ", ".join(show.left_out[:5]) + (" …" if len(show.left_out) > 5 else "")
        sys.stderr.write(f"note: left out, since not every arm, photo and wish is there: {few}\n")
    sys.stderr.write(f"{len(show.arms)} arms, {len(show.exhibits)} items\n")
    sys.stdout.write(f"{link}\n")


@app.command("list")
def list_all(folder: Folder = None, db: Db = None) -> None:
    """Show every study: its state, how many began and how many came to the end."""
    settle(folder=folder, db=db)
    from palitra.service.settings import Settings
    from palitra.service.studies.desk import StudyDesk

    with StudyDesk.open(Settings()) as desk:
        for study, finished in desk.all():
            day = time.strftime("%Y-%m-%d", time.gmtime(study.created_at))
            people = f"{study.joined} began, {finished} finished"
            sys.stdout.write(
                f"{study.name}  {study.state}  {day}  {people}  {', '.join(study.arms)}  {study.title}\n"
            )


@app.command("close")
def close(name: Name, folder: Folder = None, db: Db = None) -> None:
    """Take no more answers; those that are there stay."""
    settle(folder=folder, db=db)
    from palitra.service.settings import Settings
    from palitra.service.studies.desk import StudyDesk

    with StudyDesk.open(Settings()) as desk:
        desk.close(name)


@app.command("remove")
def remove(name: Name, folder: Folder = None, db: Db = None) -> None:
    """Delete a study with its answers and pictures."""
    settle(folder=folder, db=db)
    from palitra.service.settings import Settings
    from palitra.service.studies.desk import StudyDesk

    with StudyDesk.open(Settings()) as desk:
        desk.remove(name)


@app.command("report")
def report(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the numbers there too.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a PNG of the shares there.")] = None,
    resamples: Annotated[int, typer.Option(help="Of the ranking's interval, 1 to 100000.")] = 1000,
    level: Annotated[float, typer.Option(help="Of the intervals, inside (0, 1).")] = 0.95,
    folder: Folder = None,
    db: Db = None,
) -> None:
    """Shares of preference with Wilson intervals and a Bradley-Terry ranking, for each question."""
    if not 1 <= resamples <= 100_000:
        raise InputError(f"`resamples` must be in [1, 100000], got {resamples}")
    if plot is not None and find_spec("matplotlib") is None:
        raise InputError("`plot` needs matplotlib, which is not installed: pip install 'palitra[train]'")
    settle(folder=folder, db=db)
    from palitra.service.settings import Settings
    from palitra.service.studies.desk import StudyDesk
    from palitra.study.table import as_text, write_csv

    with StudyDesk.open(Settings()) as desk:
        told = desk.report(name, resamples, level)
    if csv_file is not None:
        write_csv(csv_file, told)
    if plot is not None:
        from palitra.study.plot import plot_shares

        plot_shares(plot, told)
    if as_json:
        sys.stdout.write(json.dumps(told.to_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    else:
        sys.stdout.write(as_text(told))
