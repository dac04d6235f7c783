"""`palitra`: the command line. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import os
import sys

import typer

from palitra.cli import (
    balance,
    bench,
    bot,
    classes,
    draw,
    edges,
    edit,
    experiment,
    metrics,
    models,
    serve,
    study,
    train,
    zoo,
)
from palitra.errors import PalitraError
from palitra.version import __version__

app = typer.Typer(
    name="palitra",
    help="Pictures from sketches and words, offline on a laptop or with Stable Diffusion on a GPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("sketch")(draw.sketch)
app.command("text")(draw.text)
app.command("edit")(edit.edit)
app.command("classes")(classes.classes)
app.command("again")(draw.again)
app.command("edges")(edges.edges)
app.command("metrics")(metrics.metrics)
app.command("balance")(balance.balance)
app.add_typer(models.app, name="models")
app.add_typer(train.app, name="train")
app.add_typer(zoo.app, name="zoo")
app.add_typer(experiment.app, name="experiment")
app.add_typer(bench.app, name="bench")
app.add_typer(study.app, name="study")
app.command("serve")(serve.serve)
app.command("worker")(serve.worker)
app.command("bot")(bot.bot)
app.add_typer(serve.keys, name="keys")


@app.callback(invoke_without_command=True)
def options(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    """Pictures from sketches and words, offline on a laptop or with Stable Diffusion on a GPU."""
    if version:
        sys.stdout.write(f"palitra {__version__}\n")
        raise typer.Exit


def main() -> None:
    """Run the command line; every error is one sentence and an exit code (2: input, 1: ours)."""
    try:
        app()
    except PalitraError as error:
        sys.stderr.write(f"palitra: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("palitra: stopped on request; finished pictures are kept\n")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("PALITRA_DEBUG"):
            raise
        sys.stderr.write(
            f"palitra: a fault of ours, please report it ({type(error).__name__}: {error}); "
            f"PALITRA_DEBUG=1 shows where\n"
        )
        sys.exit(1)
