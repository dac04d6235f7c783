"""`palitra zoo list | show | train | sample | eval | compare | report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

app = typer.Typer(
    help="Generative models of your own classes: train, sample, evaluate, compare.", no_args_is_help=True
)
Data = Annotated[Path, typer.Argument(help="A folder per class, CSV, parquet, npz, or hub:OWNER/NAME.")]
Size = Annotated[int | None, typer.Option(help="Side to bring the pictures to, such as 28, 32, 64, 96.")]
Channels = Annotated[int | None, typer.Option(help="1 or 3 channels (default: the pictures' own).")]
Fit = Annotated[str, typer.Option(help="crop (and resize), or pad smaller pictures.")]
Label = Annotated[str, typer.Option("--label", help="Column of the labels in CSV and parquet.")]
Change = Annotated[list[str] | None, typer.Option("--set", help="part.field=value; repeatable.")]
Preset = Annotated[str, typer.Option(help="tiny, small (2 CPU cores) or paper.")]
Run = Annotated[Path, typer.Argument(help="Folder of a trained run.")]
Which = Annotated[str, typer.Option(help="best or last.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models() -> None:
    """The models by name."""
    from palitra.zoo.models import MODELS

    for model in MODELS:
        sys.stdout.write(f"{model.name:<10} {model.title} ({model.source})\n")


@app.command("show")
def show(
    model: Annotated[str, typer.Argument(help="A model's name.")],
    preset: Preset = "small",
    change: Change = None,
) -> None:
    """A model's choices as JSON, after --set."""
    from palitra.zoo.models import find_model
    from palitra.zoo.models import preset as configuration

    found, config = find_model(model), configuration(model, preset, change or ())
    sys.stdout.write(config.model_dump_json(indent=2) + "\n")
    sys.stderr.write(f"{found.title} ({found.source})\n")
    if found.published:
        sys.stderr.write(f"published: {found.published}; not run here\n")


@app.command("train")
def train(
    model: Annotated[str, typer.Argument(help="A model's name (`palitra zoo list`).")],
    data: Data,
    run: Annotated[Path | None, typer.Option(help="Folder of the run (default: runs/zoo/MODEL).")] = None,
    preset: Preset = "small",
    size: Size = None,
    channels: Channels = None,
    fit: Fit = "crop",
    label: Label = "label",
    change: Change = None,
    device: Device = "auto",
) -> None:
    """Train a model on labelled pictures; goes on exactly where the run stopped."""
    from palitra.models.device import choose_device
    from palitra.zoo.commands import read_for, train_model
    from palitra.zoo.models import preset as configuration

    config = configuration(model, preset, change or ())
    images = read_for(data, size, channels, fit, label)
    folder = run or Path("runs/zoo") / model
    train_model(config, images, folder, choose_device(device))
    sys.stdout.write(f"{folder}\n")


@app.command("sample")
def sample(
    run: Run,
    out: Annotated[Path, typer.Option(help="A folder for the pictures, or a .png for one sheet.")] = Path(
        "out/zoo"
    ),
    name: Annotated[str | None, typer.Option("--class", help="Only this class.")] = None,
    n: Annotated[int | None, typer.Option("-n", help="How many pictures.")] = None,
    per_class: Annotated[int | None, typer.Option(help="How many of every class.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first picture.")] = 0,
    truncation: Annotated[
        float | None, typer.Option(help="Bound of the latents; of styles in [0, 1].")
    ] = None,
    guidance: Annotated[float | None, typer.Option(help="w of classifier-free guidance; 0 is none.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a diffusion sampler.")] = None,
    sampler: Annotated[
        str | None, typer.Option(help="Of a diffusion model: dpm++ (default, 20 steps) or ddim (50).")
    ] = None,
    sweep: Annotated[str | None, typer.Option(help="truncation, guidance or steps: a sheet.")] = None,
    values: Annotated[str, typer.Option(help="Values of the sweep, such as 0,0.5,1,2.")] = "0.25,0.5,1,2",
    interpolate: Annotated[bool, typer.Option(help="A sheet of ways between two latents.")] = False,
    ray: Annotated[
        str | None, typer.Option(help="Draw on a Ray cluster: local, auto, or its address.")
    ] = None,
    which: Which = "best",
    device: Device = "auto",
) -> None:
    """Draw pictures of chosen classes; the same seed gives the same picture."""
    from functools import partial

    from palitra.cli.stages import stage_bar
    from palitra.models.device import choose_device
    from palitra.zoo.commands import interpolation_sheet, sample_pictures, swept_sheet
    from palitra.zoo.families.family import Drawing
    from palitra.zoo.run_folder import load_model

    where = choose_device(device)
    model, card = load_model(run, which, where)
    sheet = out if out.suffix == ".png" else out / "sheet.png"
    if sweep is not None:
        done = swept_sheet(model, card.names, sheet, sweep, values, name, seed)
    elif interpolate:
        done = interpolation_sheet(model, card.names, sheet, name, seed)
    else:
        options = Drawing(truncation, guidance, steps, sampler=sampler)  # type: ignore[arg-type]
        with stage_bar() as (stage, tick):
            draw = partial(
                sample_pictures,
                model,
                card.names,
                out,
                name,
                n,
                per_class,
                seed,
                options,
                stage=stage,
                tick=tick,
            )
            if ray is None:
                done = draw()
            else:
                from palitra.scale.ray_shards import RayShards
                from palitra.zoo.shards import draw_spread

                with RayShards(ray) as cluster:

                    def spread(labels: Tensor | None, count: int) -> Iterator[Tensor]:
                        return draw_spread(cluster, run, which, model, labels, count, seed, options, where)

                    done = draw(spread)
    sys.stdout.write(f"{done}\n")


@app.command("embed")
def embed(
    run: Run,
    folder: Annotated[Path, typer.Argument(help="Where it goes; the folder's name is the model's name.")],
    title: Annotated[str, typer.Option(help="A line for people.")],
    data: Annotated[str, typer.Option(help="What it was trained on.")],
    licence: Annotated[str, typer.Option(help="Licence of the weights.")],
    which: Which = "best",
    guidance: Annotated[
        float | None, typer.Option(help="Of a diffusion model: w that is taken where none is asked for.")
    ] = None,
) -> None:
    """Make a small folder of a run for others to draw with: bfloat16, what draws alone, a card."""
    from palitra.zoo.embed import embed_run

    about = embed_run(run, folder, title=title, data=data, licence=licence, which=which, guidance=guidance)
    sys.stdout.write(f"{about.folder} ({about.size / 2**20:.2f} MiB)\n")


@app.command("eval")
@app.command("compare")
def compare(
    places: Annotated[
        list[Path], typer.Argument(metavar="DATA RUN…", help="Real pictures and runs, in any order.")
    ],
    n: Annotated[int, typer.Option("-n", help="How many pictures to draw of each.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the first picture.")] = 0,
    train_data: Annotated[
        Path | None,
        typer.Option("--train", help="What the models learnt from: the classifier's too; finds copies."),
    ] = None,
    extractor: Annotated[
        str | None, typer.Option(help="eye, inception, dinov2, clip, random (default: eye if embedded).")
    ] = None,
    learn: Annotated[
        bool, typer.Option("--cas", help="Also train a classifier on the drawn pictures alone.")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for the classifier and the features of real pictures.")
    ] = None,
    which: Which = "best",
    label: Label = "label",
    fit: Fit = "crop",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """FID, KID, precision, recall and more, and class agreement; the same labels and seeds for all runs."""
    import json

    from palitra.cli.stages import stage_bar
    from palitra.models.device import choose_device
    from palitra.zoo.commands import checked_fit
    from palitra.zoo.evaluate import Progress, Wishes, evaluate_runs, score_lines
    from palitra.zoo.run_folder import runs_and_data

    runs, data = runs_and_data(places)
    wishes = Wishes(
        n, seed, which, extractor, label, checked_fit(fit), train_data, learn, choose_device(device), cache
    )
    with stage_bar() as (stage, tick):
        scores = evaluate_runs(runs, data, wishes, Progress(stage, tick))
    if as_json:
        sys.stdout.write(json.dumps([s.to_json() for s in scores]) + "\n")
    else:
        sys.stdout.write("\n".join(score_lines(scores)) + "\n")


@app.command("report")
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, evaluated or not.")],
    out: Annotated[Path | None, typer.Option(help="A Markdown file (default: print).")] = None,
) -> None:
    """A Markdown table of what is recorded in the runs."""
    from palitra.zoo.report import markdown_table, save_report

    text = markdown_table(runs)
    if out is None:
        sys.stdout.write(text)
        return
    save_report(out, text)
    sys.stdout.write(f"{out}\n")
