"""`palitra models list | show | pull | convert`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Known models: what they are, where they lie, how to get them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A known model's name.")]


@app.command("list")
def list_models() -> None:
    """Every known model and whether it is on this machine."""
    from palitra.models.metric_weights import METRIC_WEIGHTS
    from palitra.models.metric_weights_files import is_here, place_of
    from palitra.models.zoo import describe_models

    for model in describe_models():
        state = "here" if model.present else "palitra models pull " + model.name
        sys.stdout.write(f"{model.name:12} {model.size_px:4} px  {model.title}  [{state}]\n")
    sys.stdout.write("for measuring:\n")
    for weights in METRIC_WEIGHTS:
        here = is_here(weights, place_of(weights))
        get = "pull" if weights.hub else "convert"
        state = "here" if here else f"palitra models {get} {weights.name if weights.hub else '…'}"
        sys.stdout.write(f"{weights.name:12} {weights.megabytes:4} MB  {weights.title}  [{state}]\n")


@app.command("show")
def show(name: Name) -> None:
    """One model: origin, licence, size, folder and files."""
    from palitra.models.metric_weights import find_metric_weights
    from palitra.models.metric_weights_files import show_metric_weights
    from palitra.models.zoo import show_model

    weights = find_metric_weights(name)
    sys.stdout.write((show_metric_weights(weights) if weights else show_model(name)) + "\n")


@app.command("pull")
def pull(name: Name) -> None:
    """Download a model from its hub into the home folder."""
    from palitra.models.hub import HuggingFaceHub
    from palitra.models.metric_weights import find_metric_weights
    from palitra.models.metric_weights_files import pull_metric_weights
    from palitra.models.zoo import pull as pull_model

    known = find_metric_weights(name) is not None
    sys.stdout.write(f"{pull_metric_weights(name, HuggingFaceHub()) if known else pull_model(name)}\n")


@app.command("convert")
def convert(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="What torch.save wrote.")],
    name: Annotated[str, typer.Option("--as", help="inception, vgg16, lpips-alex, lpips-vgg, facenet …")],
) -> None:
    """Published weights that are handed out pickled, as safetensors; nothing is unpickled."""
    from palitra.metrics.extractors import load_extractor
    from palitra.metrics.lpips import load_lpips
    from palitra.models.metric_weights_files import convert_weights

    def check(path: Path) -> object:
        if name.startswith("lpips-"):
            return load_lpips(path, name.removeprefix("lpips-"))
        return load_extractor(name, path)

    made = convert_weights(files, name, check=check)
    for note in made.notes:
        sys.stderr.write(f"note: {note}\n")
    sys.stdout.write(f"{made.path}\nSHA-256 {made.sha256}\n")
