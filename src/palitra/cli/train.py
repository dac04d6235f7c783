"""`palitra train mini | edges | sketch | eye | upscale | …`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Train the embedded models from images. Every run can be stopped and resumed.", no_args_is_help=True
)
Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]
Change = Annotated[list[str] | None, typer.Option("--set", help="key=value, over the file; repeatable.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the image sets (default: $PALITRA_DATA).")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")]


@app.command("mini")
def mini(
    out: Annotated[Path, typer.Option(help="Where the finished model folder goes.")] = Path(
        "runs/mini/model"
    ),
    run: Annotated[Path, typer.Option(help="Folder of the run: checkpoint, log, sheets.")] = Path(
        "runs/mini"
    ),
    config: Config = None,
    change: Change = None,
    data: Data = None,
    device: Device = "auto",
    begin_with: Annotated[Path | None, typer.Option(help="A trained mini to go on from.")] = None,
) -> None:
    """Train the embedded text-to-image model; resumes from the run's checkpoint."""
    from palitra.models.device import choose_device
    from palitra.train.config import MiniConfig, load_config
    from palitra.train.mini import train_mini
    from palitra.train.mini_export import export_mini
    from palitra.train.mini_prepare import prepare_mini

    settings = load_config(MiniConfig, config, change or ())
    prepared = prepare_mini(run, settings, data, begin_with)
    trainer = train_mini(prepared, settings, run, choose_device(device), begin_with)
    export_mini(trainer, out)
    sys.stdout.write(f"{out}\n")


@app.command("edges")
def edges(
    out: Annotated[Path, typer.Option(help="Where the weights go.")] = Path("runs/edges/model"),
    run: Annotated[Path, typer.Option(help="Folder of the run: checkpoint and log.")] = Path("runs/edges"),
    config: Config = None,
    change: Change = None,
    data: Data = None,
) -> None:
    """Train the edge detector on BSDS500."""
    from palitra.train.config import load_config
    from palitra.train.edges import EdgesConfig, train_edges

    train_edges(load_config(EdgesConfig, config, change or ()), run, out, data)
    sys.stdout.write(f"{out}\n")


@app.command("sketch")
def sketch(
    model: Annotated[str, typer.Option(help="The model whose activations are read.")] = "mini",
    out: Annotated[
        Path | None, typer.Option(help="Where the predictor goes (default: beside its model).")
    ] = None,
    run: Annotated[Path, typer.Option(help="Folder of the run: checkpoint, log, triplets.")] = Path(
        "runs/sketch"
    ),
    config: Config = None,
    change: Change = None,
    data: Data = None,
    device: Device = "auto",
) -> None:
    """Train the latent edge predictor that sketch guidance needs, for mini or an SD 1.x model."""
    from palitra.models.device import choose_device, choose_dtype
    from palitra.models.edge_predictor_files import save_edge_predictor
    from palitra.models.text_to_image import load_folder
    from palitra.models.zoo import resolve
    from palitra.studio import predictor_folder
    from palitra.train.config import SketchConfig, load_config
    from palitra.train.sketch import train_sketch
    from palitra.train.sketch_triplets import read_triplets

    settings = load_config(SketchConfig, config, change or ())
    where = choose_device(device)
    loaded = load_folder(resolve(model), where, choose_dtype(where), name=model)
    predictor = train_sketch(loaded, read_triplets(loaded, settings, run, data), settings, run)
    folder = out or predictor_folder(model)
    save_edge_predictor(folder, predictor, settings.line_width)
    sys.stdout.write(f"{folder}\n")


@app.command("eye")
def eye(
    out: Annotated[Path, typer.Option(help="Where the finished model folder goes.")] = Path("runs/eye/model"),
    run: Annotated[Path, typer.Option(help="Folder of the run: decoded pictures, checkpoint, log.")] = Path(
        "runs/eye"
    ),
    config: Config = None,
    change: Change = None,
    data: Data = None,
    device: Device = "auto",
) -> None:
    """Train eye, the picture encoder of metrics, styles and faces; resumes from the run's checkpoint."""
    from palitra.models.device import choose_device
    from palitra.train.config import load_config
    from palitra.train.eye import train_eye
    from palitra.train.eye_config import EyeConfig

    train_eye(load_config(EyeConfig, config, change or ()), run, out, data, choose_device(device))
    sys.stdout.write(f"{out}\n")


@app.command("upscale")
def upscale(
    model: Annotated[str, typer.Option(help="The model whose pictures it will enlarge.")] = "mini",
    out: Annotated[Path, typer.Option(help="Where the weights go.")] = Path("runs/upscale/model"),
    run: Annotated[Path, typer.Option(help="Folder of the run: checkpoint and log.")] = Path("runs/upscale"),
    config: Config = None,
    change: Change = None,
    data: Data = None,
    device: Device = "auto",
) -> None:
    """Train the network that enlarges small pictures; resumes from the run's checkpoint."""
    from palitra.models.device import choose_device
    from palitra.models.zoo import resolve
    from palitra.train.config import load_config
    from palitra.train.upscale import UpscaleConfig, autoencoder_of, train_upscale

    settings = load_config(UpscaleConfig, config, change or ())
    train_upscale(settings, autoencoder_of(resolve(model)), run, out, data, choose_device(device))
    sys.stdout.write(f"{out}\n")
