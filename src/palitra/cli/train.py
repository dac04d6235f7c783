"""`palitra train mini | edges | sketch | eye | upscale | …`."""

from __future__ import annotations

import sys
from functools import partial
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
Drawings = Annotated[Path, typer.Option(help="Folder of the packed drawings; made once, then enough.")]


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


@app.command("autoencoder")
def autoencoder(
    out: Annotated[Path, typer.Option(help="Where the vae folder goes.")] = Path("runs/autoencoder/vae"),
    run: Annotated[Path, typer.Option(help="Folder of the run: checkpoint and log.")] = Path(
        "runs/autoencoder"
    ),
    config: Config = None,
    change: Change = None,
    data: Data = None,
    device: Device = "auto",
) -> None:
    """Train a small KL autoencoder that `palitra train mini --set vae=FOLDER` can work on."""
    from palitra.models.device import choose_device
    from palitra.train.autoencoder import AutoencoderConfig, train_autoencoder
    from palitra.train.config import load_config

    train_autoencoder(
        load_config(AutoencoderConfig, config, change or ()), run, out, data, choose_device(device)
    )
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


@app.command("all")
def every(
    run: Annotated[
        Path | None, typer.Option(help="Folder of everything (default: runs/all, or runs/smoke).")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this stage; repeatable.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Leave this stage out; repeatable.")] = None,
    change: Annotated[list[str] | None, typer.Option("--set", help="stage.key=value; repeatable.")] = None,
    data: Data = None,
    device: Device = "auto",
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Tiny networks and few steps: does it all fit together?")
    ] = False,
) -> None:
    """Make every embedded model in order; a stopped run goes on where it was."""
    from palitra.data.datasets import data_root
    from palitra.models.device import choose_device
    from palitra.train.all_stages import changes_by_stage, summary, train_all
    from palitra.train.stages import Place

    folder = run or Path("runs/smoke" if smoke else "runs/all")
    place = Place(folder, data or data_root(), choose_device(device), changes_by_stage(change or ()), smoke)
    found = train_all(place, only or (), skip or (), partial(typer.echo, err=True))
    sys.stdout.write(f"{summary(found)}\n")


@app.command("sketch-adapter")
def sketch_adapter(
    model: Annotated[str, typer.Option(help="The model it is for.")] = "mini",
    out: Annotated[
        Path | None, typer.Option(help="Where the adapter goes (default: beside its model).")
    ] = None,
    run: Annotated[Path, typer.Option(help="Folder of the run: checkpoint and log.")] = Path(
        "runs/sketch-adapter"
    ),
    drawings: Drawings = Path("runs/drawings"),
    config: Config = None,
    change: Change = None,
    data: Data = None,
    device: Device = "auto",
) -> None:
    """Train the direct sketch adapter: sketch to picture without gradients; resumes from its checkpoint."""
    import torch

    from palitra.models.device import choose_device
    from palitra.models.sketch_adapter_files import save_sketch_adapter
    from palitra.models.text_to_image import load_folder
    from palitra.models.zoo import resolve
    from palitra.studio import live_folder, predictor_folder
    from palitra.train.config import load_config
    from palitra.train.drawing_pack import read_drawings
    from palitra.train.live_config import SketchAdapterTraining
    from palitra.train.sketch_adapter import train_sketch_adapter

    settings = load_config(SketchAdapterTraining, config, change or ())
    loaded = load_folder(resolve(model), choose_device(device), torch.float32, name=model)
    pack = read_drawings(loaded, settings, drawings, data, predictor_folder(model))
    adapter = train_sketch_adapter(loaded, pack, settings, run)
    folder = out or live_folder(model) / "adapter"
    save_sketch_adapter(folder, adapter, settings.line_width, loaded.fingerprint)
    sys.stdout.write(f"{folder}\n")


@app.command("live")
def live(
    model: Annotated[str, typer.Option(help="The model to distil.")] = "mini",
    out: Annotated[
        Path | None, typer.Option(help="Where the student goes (default: beside its model).")
    ] = None,
    run: Annotated[Path, typer.Option(help="Folder of the run: checkpoint, log, sheets.")] = Path(
        "runs/live"
    ),
    drawings: Drawings = Path("runs/drawings"),
    adapter: Annotated[
        Path | None, typer.Option(help="The teacher's sketch adapter (default: the model's).")
    ] = None,
    begin_with: Annotated[
        Path | None, typer.Option(help="A student to go on from, such as with another method.")
    ] = None,
    config: Config = None,
    change: Change = None,
    data: Data = None,
    device: Device = "auto",
) -> None:
    """Distil a model into a few steps with guidance built in; resumes from the run's checkpoint."""
    import torch

    from palitra.models.device import choose_device
    from palitra.models.text_to_image import load_folder
    from palitra.models.zoo import resolve
    from palitra.studio import live_folder, predictor_folder
    from palitra.train.config import load_config
    from palitra.train.drawing_pack import read_drawings
    from palitra.train.live import export_live, make_trainer, train_live
    from palitra.train.live_config import LiveTraining

    settings = load_config(LiveTraining, config, change or ())
    loaded = load_folder(resolve(model), choose_device(device), torch.float32, name=model)
    beside = live_folder(model)
    pack = read_drawings(loaded, settings, drawings, data, predictor_folder(model))
    trainer = make_trainer(loaded, pack, settings, adapter or beside / "adapter", begin_with)
    export_live(train_live(trainer, run), out or beside / "student")
    sys.stdout.write(f"{out or beside / 'student'}\n")
