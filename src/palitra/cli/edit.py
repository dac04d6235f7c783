"""`palitra edit`: a photo and a wish, by one method or by all of them side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palitra.errors import InputError, PalitraError

if TYPE_CHECKING:
    from PIL import Image

    from palitra.cli.session import Session
    from palitra.recipes.picture import Run
    from palitra.spec.edit import EditParams
    from palitra.studio import Studio


METHOD = "guide-and-rescale"


def edit(
    photo: Annotated[Path, typer.Argument(help="The photo to change.")],
    target: Annotated[
        list[str], typer.Option("--target", "-t", help="What it should become; may be given several times.")
    ],
    source: Annotated[
        str, typer.Option("--source", "-s", help="What the photo shows; guessed when not given.")
    ] = "",
    method: Annotated[
        str, typer.Option(help="How it is made; --compare lists the names.")
    ] = "guide-and-rescale",
    preset: Annotated[
        str, typer.Option(help="local: one thing changes; style: the manner of it all.")
    ] = "local",
    strength: Annotated[float, typer.Option(help="0: near to the photo, 1: the words above all.")] = 0.5,
    mask: Annotated[
        Path | None, typer.Option(help="A grey picture of the photo's size: white may change.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Find what the wish does not touch and leave it bit for bit.")
    ] = False,
    auto_strength: Annotated[
        bool, typer.Option("--auto-strength", help="Try several strengths and take the best trade-off.")
    ] = False,
    compare: Annotated[
        str | None,
        typer.Option(help="Methods side by side on a sheet of the first wish: all, or names with commas."),
    ] = None,
    official: Annotated[
        bool, typer.Option("--official", help="As the authors' code, quirks included.")
    ] = False,
    seed: Annotated[int, typer.Option(help="First seed, for the methods that draw noise.")] = 0,
    n: Annotated[int, typer.Option("-n", help="Pictures of each wish, 1 to 16.")] = 1,
    steps: Annotated[int, typer.Option(help="Sampling steps, 2 to 500.")] = 50,
    prompt_scale: Annotated[float | None, typer.Option(help="How strongly the words count.")] = None,
    model: Annotated[str, typer.Option(help="A known name, a folder, or a hub id.")] = "mini",
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("out"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
) -> None:
    """Change a photo by words; the rest of it stays."""
    from palitra.cli.session import Session
    from palitra.spec.build import build
    from palitra.spec.edit import EditParams

    values: dict[str, Any] = {"target": "\n".join(target), "source": source, "method": method, "seed": seed}
    values |= {"preset": preset, "strength": strength, "keep": keep, "auto_strength": auto_strength, "n": n}
    values |= {"official": official, "steps": steps, "prompt_scale": prompt_scale, "model": model}
    params = build(EditParams, values)
    with Session(out, quiet=as_json, name=photo.stem) as session:
        for path, name in ((photo, "photo"), (mask, "mask")):
            if path is not None and not path.is_file():
                raise InputError(f"`{name}` must name a picture file, got {path}")
        studio = session.load(model, device)
        if compare:
            _compare(session, studio, photo, mask, params, _names(compare), as_json)
            return
        run = _run(session, studio, photo, mask, params)
        files = [p.save(out / f"{photo.stem}-{p.place('edit')}") for p in run.pictures]
        _report(run, files, as_json)


def _names(compare: str) -> list[str]:
    """Methods by name; `all` means all that are there."""
    from palitra.recipes.editing.methods import METHODS

    if compare == "all":
        return list(METHODS)
    names = [name.strip() for name in compare.split(",") if name.strip()]
    for name in names:
        if name not in METHODS:
            raise InputError(f"`compare` must be all or names of {', '.join(METHODS)}, got {name}")
    return names


def _run(session: Session, studio: Studio, photo: Path, mask: Path | None, params: EditParams) -> Run:
    fields = params.model_dump(exclude={"recipe", "model", "target", "source"})
    hooks = session.hooks(params.n * len(params.wishes()), params.steps)
    return studio.edit(
        photo, params.target, params.source, mask=mask, hooks=hooks, on_notes=session.notes, **fields
    )


def _compare(
    session: Session,
    studio: Studio,
    photo: Path,
    mask: Path | None,
    params: EditParams,
    names: list[str],
    as_json: bool,
) -> None:
    """One sheet: the photo, then every method's first wish with its time; a method that cannot says why."""
    from palitra.data.images import open_image
    from palitra.data.picture_files import save_picture, unique_path
    from palitra.data.sheets import contact_sheet

    images: list[Image.Image] = [open_image(photo).image]
    captions, told = ["photo"], list[dict[str, Any]]()
    for name in names:
        asked = params.model_copy(update={"method": name, "target": params.wishes()[0], "n": 1})
        try:
            run = _run(session, studio, photo, mask, asked)
        except InputError as error:
            told.append({"method": name, "error": str(error)})
            sys.stderr.write(f"{name}: {error}\n")
            continue
        images.append(run.pictures[0].image)
        captions.append(f"{name}  {run.seconds:.1f} s")
        told.append(
            {"method": name, "seconds": round(run.seconds, 3), "network_samples": run.network_samples}
        )
    if len(images) == 1:
        raise PalitraError("none of the methods could edit this photo; the lines above say why")
    sheet = contact_sheet(images, 5, captions=captions, title=params.wishes()[0])
    path = unique_path(session.out / f"{photo.stem}-compared.png")
    save_picture(sheet, path, {})
    if as_json:
        sys.stdout.write(json.dumps({"sheet": str(path), "methods": told}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{path}  ({len(images) - 1} methods)\n")


def _report(run: Run, files: list[Path], as_json: bool) -> None:
    """One JSON object, or a few words with paths and time."""
    if as_json:
        told = {
            "files": [str(f) for f in files],
            "wishes": [p.name for p in run.pictures],
            "seeds": [p.seed for p in run.pictures],
            "seconds": round(run.seconds, 3),
            "network_calls": run.network_calls,
            "network_samples": run.network_samples,
            "model": run.model,
            "device": run.device,
            "notes": list(run.notes),
        }
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    for file, picture in zip(files, run.pictures, strict=True):
        sys.stdout.write(f"{file}  ({picture.name})\n")
    count = len(files)
    sys.stdout.write(
        f"{count} picture{'s' if count != 1 else ''} in {run.seconds:.1f} s on {run.device}, "
        f"{run.network_calls} network calls\n"
    )
