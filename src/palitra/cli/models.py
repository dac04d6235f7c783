"""`palitra models list | show | pull`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(help="Known models: what they are, where they lie, how to get them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A known model's name.")]


@app.command("list")
def list_models() -> None:
    """Every known model and whether it is on this machine."""
    from palitra.models.zoo import describe_models

    for model in describe_models():
        state = "here" if model.present else "palitra models pull " + model.name
        sys.stdout.write(f"{model.name:12} {model.size_px:4} px  {model.title}  [{state}]\n")


@app.command("show")
def show(name: Name) -> None:
    """One model: origin, licence, size, folder and files."""
    from palitra.models.zoo import show_model

    sys.stdout.write(show_model(name) + "\n")


@app.command("pull")
def pull(name: Name) -> None:
    """Download a model from its hub into the home folder."""
    from palitra.models.zoo import pull as pull_model

    sys.stdout.write(f"{pull_model(name)}\n")
