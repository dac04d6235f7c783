"""`palitra classes`: pictures of the classes that a model has learned, as single files and on a sheet."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from palitra.recipes.picture import Picture, Run


def classes(
    model: Annotated[
        str | None, typer.Argument(help="A class model's name, or a run's folder; without one: the list.")
    ] = None,
    label: Annotated[str, typer.Argument(metavar="CLASS", help="One class by its name, or all.")] = "all",
    n: Annotated[int, typer.Option("-n", help="Number of pictures of each class, 1 to 100.")] = 10,
    seed: Annotated[int, typer.Option(help="First seed; the n-th picture takes seed + n.")] = 0,
    truncation: Annotated[
        float | None, typer.Option(help="Small: typical pictures, large: various ones.")
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="How clearly the class is shown; 0: as learned.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps, 1 to 1000.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the sheet, and a folder per class.")] = Path(
        "out/classes"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
) -> None:
    """Draw pictures of a model's classes: a sheet to look at, and a folder per class that is a set again."""
    if model is None:
        _list(as_json)
        return
    from palitra.spec.build import build
    from palitra.spec.classes import ClassesParams
    from palitra.zoo.embedded import find_class_model

    values = {"model": model, "label": label, "n": n, "seed": seed}
    values |= {"truncation": truncation, "guidance": guidance, "steps": steps}
    params = build(ClassesParams, values)
    about = find_class_model(model)
    about.check(params)

    from palitra.cli.session import Session
    from palitra.recipes.class_conditional import draw_classes, load_classes

    with Session(out, quiet=as_json) as session:
        generator = load_classes(about, device)
        task = session.progress.add_task("drawing", total=None)

        def on_step(done: int, total: int, pictures: Tensor) -> None:
            session.progress.update(task, completed=done, total=total)

        def on_picture(picture: Picture) -> None:
            session.files.append(picture.save(out / picture.place()))

        run = draw_classes(generator, params, on_step, on_picture, lambda: session.stopped)
    _report(run, session.files, as_json)


def _list(as_json: bool) -> None:
    from palitra.zoo.embedded import class_models

    models = class_models().values()
    if as_json:
        told = [
            {"name": m.name, "title": m.title, "licence": m.licence, "classes": m.classes} for m in models
        ]
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    for m in models:
        sys.stdout.write(f"{m.name:<16} {m.title} ({m.licence}): {', '.join(m.classes) or 'no classes'}\n")
    if not models:
        sys.stdout.write("no class model is embedded yet: train one with `palitra zoo train`\n")


def _report(run: Run, files: list[Path], as_json: bool) -> None:
    sheet, count = files[-1], len(files) - 1
    if as_json:
        told: dict[str, Any] = {
            "sheet": str(sheet),
            "files": [str(file) for file in files[:-1]],
            "seconds": round(run.seconds, 3),
            "network_calls": run.network_calls,
            "network_samples": run.network_samples,
            "device": run.device,
            "model": run.model,
        }
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    sys.stdout.write(f"{sheet}\n{count} pictures in {run.seconds:.1f} s on {run.device}\n")
