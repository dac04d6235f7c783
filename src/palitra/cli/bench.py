"""`palitra bench`: methods compared on a set of wishes by one protocol."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palitra.errors import InputError

if TYPE_CHECKING:
    from palitra.bench.edit_run import Arm

app = typer.Typer(
    help="Compare methods on a set of wishes by one protocol.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def callback() -> None:
    """Compare methods on a set of wishes by one protocol."""


@app.command("edit")
def edit(
    set_file: Annotated[Path, typer.Option("--set", help="Edits: CSV, JSON, or PIE-Bench's mapping file.")],
    methods: Annotated[str, typer.Option(help="all, or names with commas.")] = "all",
    strengths: Annotated[str, typer.Option(help="Strengths of each method, with commas.")] = "0.5",
    preset: Annotated[
        str, typer.Option(help="local, style, or auto: style for types that name one.")
    ] = "auto",
    steps: Annotated[int, typer.Option(help="Sampling steps, 2 to 500.")] = 50,
    limit: Annotated[int | None, typer.Option(help="Only the first edits of each type.")] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Real pictures of the wanted class: FID and KID of the swap.")
    ] = None,
    swap: Annotated[str, typer.Option(help="The type of edits that is compared with --reference.")] = "",
    official: Annotated[bool, typer.Option("--official", help="As the authors' code.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="With the automatic keep-mask.")] = False,
    batch: Annotated[int, typer.Option(help="Edits in a batch, 1 to 64.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the methods that draw noise.")] = 0,
    model: Annotated[str, typer.Option(help="A known name, a folder, or a hub id.")] = "mini",
    out: Annotated[Path, typer.Option(help="The run's folder; a run that was stopped goes on.")] = Path(
        "runs/bench-edit"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
) -> None:
    """Edit a whole set by many methods; CSV, tables and plots of words against photo."""
    from palitra.bench.edit_bench import Bench, run_bench
    from palitra.bench.edit_set import read_edit_set
    from palitra.cli.session import Session

    if not 1 <= batch <= 64:
        raise InputError(f"`batch` must be in [1, 64], got {batch}")
    cases = read_edit_set(set_file)
    wanted = [case for kind in dict.fromkeys(c.type for c in cases) for case in _first(cases, kind, limit)]
    fields: dict[str, Any] = {
        "steps": steps,
        "official": official,
        "keep": keep,
        "seed": seed,
        "model": model,
    }
    arms = _arms(methods, strengths, fields)
    with Session(out, quiet=False) as session:
        studio = session.load(model, device)
        total = len(arms) * len(wanted)
        bench = Bench(studio.model, wanted, arms, out, preset, batch, reference, swap)
        drawn, judged = (session.progress.add_task(words, total=total) for words in ("editing", "judging"))
        tick = _advance(session.progress.advance)
        made = run_bench(
            bench, lambda: session.stopped, lambda n: tick(drawn, n), lambda n: tick(judged, n), session.say
        )
    sys.stdout.write(f"{made}\n")


def _advance(advance: Callable[..., None]) -> Callable[[Any, int], None]:
    return lambda task, count: advance(task, count)


def _first(cases: list[Any], kind: str, limit: int | None) -> list[Any]:
    return [case for case in cases if case.type == kind][:limit]


def _arms(methods: str, strengths: str, fields: dict[str, Any]) -> list[Arm]:
    """An arm per method and strength."""
    from palitra.bench.edit_run import Arm
    from palitra.recipes.editing.methods import METHODS
    from palitra.spec.build import build
    from palitra.spec.edit import EditParams

    names = list(METHODS) if methods == "all" else [name.strip() for name in methods.split(",")]
    for name in names:
        if name not in METHODS:
            raise InputError(f"`methods` must be all or names of {', '.join(METHODS)}, got {name}")
    try:
        values = [float(text) for text in strengths.split(",")]
    except ValueError:
        raise InputError(f"`strengths` must be numbers with commas, got {strengths}") from None
    more = ("official " if fields["official"] else "") + ("keep " if fields["keep"] else "")
    return [
        Arm(
            build(EditParams, {**fields, "target": "-", "method": name, "strength": value}),
            (more + (f"{value:g}" if len(values) > 1 else "")).strip(),
        )
        for name in names
        for value in values
    ]
