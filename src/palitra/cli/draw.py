"""`palitra sketch`, `palitra text` and `palitra again`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from palitra.recipes.picture import Run

Prompt = Annotated[str, typer.Option("--prompt", "-p", help="What the picture shows.")]
Negative = Annotated[str, typer.Option("--negative", help="What it must not show.")]
Seed = Annotated[int, typer.Option("--seed", help="First seed; the n-th picture takes seed + n.")]
Count = Annotated[int, typer.Option("-n", help="Number of pictures, 1 to 64.")]
Steps = Annotated[int, typer.Option("--steps", help="Sampling steps, 1 to 1000.")]
Scale = Annotated[float | None, typer.Option("--prompt-scale", help="How strongly the words count.")]
Model = Annotated[str, typer.Option("--model", help="A known name, a folder, or a hub id.")]
SamplerOption = Annotated[str, typer.Option("--sampler", help="ddim, ddpm, euler, heun or dpm++.")]
Predictor = Annotated[Path | None, typer.Option(help="Folder of an edge predictor.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the pictures.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, mps.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]
Sheet = Annotated[bool, typer.Option("--sheet", help="Also write a contact sheet.")]
Upscale = Annotated[
    bool, typer.Option("--upscale/--no-upscale", help="Pictures of up to 128 px at twice their side.")
]


def text(
    prompt: Annotated[str, typer.Argument(help="What the picture shows.")],
    negative: Negative = "",
    seed: Seed = 0,
    n: Count = 1,
    steps: Steps = 30,
    prompt_scale: Scale = None,
    model: Model = "mini",
    sampler: SamplerOption = "ddim",
    upscale: Upscale = False,
    out: Out = Path("out"),
    device: Device = "auto",
    sheet: Sheet = False,
    as_json: AsJson = False,
) -> None:
    """Draw pictures from words."""
    from palitra.cli.session import Session
    from palitra.spec.build import build
    from palitra.spec.recipes import TextToImageParams

    values = dict(prompt=prompt, negative=negative, seed=seed, n=n, steps=steps, prompt_scale=prompt_scale)  # noqa: C408
    params = build(TextToImageParams, {**values, "model": model, "sampler": sampler, "upscale": upscale})
    with Session(out, quiet=as_json) as session:
        studio = session.load(model, device)
        fields = params.model_dump(exclude={"prompt", "model", "recipe"})
        run = studio.text(prompt, hooks=session.hooks(n, steps), on_picture=session.save, **fields)
        _report(session.files, run, session.sheet(run, prompt) if sheet else None, as_json)


def sketch(
    image: Annotated[Path, typer.Argument(help="A drawing, a photo of a drawing, or a canvas export.")],
    prompt: Prompt,
    quality: Annotated[
        str, typer.Option(help="draft: at once; normal: follows the lines; best: the best of several begun.")
    ] = "normal",
    live: Annotated[bool, typer.Option("--live", help="The same as --quality draft.")] = False,
    polish: Annotated[
        float | None, typer.Option(help="Share of the steps that go over a quick draft: 0 is the draft.")
    ] = None,
    fidelity: Annotated[float, typer.Option(help="0: as real as possible, 1: exactly my lines.")] = 0.6,
    negative: Negative = "",
    seed: Seed = 0,
    n: Count = 1,
    best_of: Annotated[int | None, typer.Option(help="Begin this many seeds, finish the best n.")] = None,
    steps: Steps = 30,
    prompt_scale: Scale = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave places without lines to the model.")
    ] = False,
    strictness: Annotated[
        Path | None, typer.Option(help="A grey picture over the sketch: white is strict, black is free.")
    ] = None,
    beta: Annotated[float | None, typer.Option(help="Strength of the pull, instead of the dial.")] = None,
    stop: Annotated[
        float | None, typer.Option(help="Unguided share at the end, instead of the dial.")
    ] = None,
    model: Model = "mini",
    predictor: Predictor = None,
    sampler: SamplerOption = "ddim",
    upscale: Upscale = False,
    out: Out = Path("out"),
    device: Device = "auto",
    sheet: Sheet = False,
    as_json: AsJson = False,
) -> None:
    """Turn a sketch and a few words into realistic pictures that keep its shape."""
    from palitra.cli.session import Session
    from palitra.spec.build import build
    from palitra.spec.recipes import SketchToImageParams

    values: dict[str, Any] = {"prompt": prompt, "negative": negative, "seed": seed, "n": n, "steps": steps}
    values |= {"prompt_scale": prompt_scale, "model": model, "sampler": sampler, "fidelity": fidelity}
    values |= {
        "quality": "draft" if live else quality,
        "best_of": best_of,
        "partial": partial,
        "beta": beta,
        "stop": stop,
        "polish": polish,
        "upscale": upscale,
    }
    params = build(SketchToImageParams, values)
    with Session(out, quiet=as_json, name=image.stem) as session:
        session.check_file(image)
        studio = session.load(model, device, predictor)
        drawn = studio.prepare(image)
        session.notes(drawn.notes)
        fields = params.model_dump(exclude={"prompt", "model", "recipe"})
        hooks = session.hooks(
            params.begun() or n,
            studio.live().steps if params.quality == "draft" else steps - params.skipped(),
        )
        run = studio.sketch(
            drawn, prompt, strictness=strictness, hooks=hooks, on_picture=session.save, **fields
        )
        made = session.sheet(run, prompt, drawn.picture) if sheet else None
        _report(session.ordered(run), run, made, as_json)


def again(
    file: Annotated[Path, typer.Argument(help="A PNG made by palitra.")],
    predictor: Predictor = None,
    out: Out = Path("out"),
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Repeat a picture from the recipe it carries."""
    from palitra.cli.session import Session
    from palitra.data.picture_files import read_recipe

    recipe = read_recipe(file)
    if recipe.get("params", {}).get("recipe") == "classes":
        _class_again(recipe, out, device, as_json)
        return
    with Session(out, quiet=as_json, name=file.stem) as session:
        studio = session.load(str(recipe.get("model", "mini")), device, predictor)
        steps = int(recipe.get("params", {}).get("steps", 30))
        run = studio.again(file, session.hooks(1, steps))
        for picture in run.pictures:
            session.save(picture)
        _report(session.files, run, None, as_json)


def _class_again(recipe: dict[str, Any], out: Path, device: str, as_json: bool) -> None:
    from palitra.recipes.class_conditional import load_classes, repeat_picture
    from palitra.spec.build import build
    from palitra.spec.classes import ClassesParams

    params = build(ClassesParams, recipe["params"])
    picture = repeat_picture(load_classes(params.model, device), recipe, params)
    path = picture.save(out / picture.place())
    told = json.dumps({"files": [str(path)], "seeds": [picture.seed]}, ensure_ascii=False)
    sys.stdout.write(f"{told}\n" if as_json else f"{path}  (seed {picture.seed})\n")


def _report(files: list[Path], run: Run, sheet: Path | None, as_json: bool) -> None:
    """One JSON object, or a few words with paths and time."""
    if as_json:
        told: dict[str, Any] = {
            "files": [str(f) for f in files],
            "seeds": [p.seed for p in run.pictures],
            "seconds": round(run.seconds, 3),
            "network_calls": run.network_calls,
            "network_samples": run.network_samples,
            "device": run.device,
            "model": run.model,
            "notes": list(run.notes),
        }
        if run.scores:
            told["scores"] = {str(seed): round(score, 4) for seed, score in run.scores.items()}
        if sheet:
            told["sheet"] = str(sheet)
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    for file, picture in zip(files, run.pictures, strict=True):
        sys.stdout.write(f"{file}  (seed {picture.seed})\n")
    if sheet:
        sys.stdout.write(f"{sheet}  (contact sheet)\n")
    count = len(run.pictures)
    sys.stdout.write(
        f"{count} picture{'s' if count != 1 else ''} in {run.seconds:.1f} s on {run.device}, "
        f"{run.network_calls} network calls\n"
    )
