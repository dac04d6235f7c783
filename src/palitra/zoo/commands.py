"""What the commands do, as a library: read, train, draw into files and sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from rich.console import Console
from torch import Tensor

from palitra.errors import InputError
from palitra.zoo.config import ZooConfig
from palitra.zoo.drawing import check_labels, draw_pictures, interpolate
from palitra.zoo.families.family import Drawing, Family
from palitra.zoo.families.make import parameter_count
from palitra.zoo.labelled_images import LabelledImages, class_number, histogram
from palitra.zoo.parallel import join_processes
from palitra.zoo.reading.read import read_labelled
from palitra.zoo.reading.size import Fit
from palitra.zoo.run_folder import RunCard, load_model
from palitra.zoo.sheets import Sweep, class_sheet, grid, sweep_sheet, write_sheet
from palitra.zoo.trainer import Trainer

COLUMNS = 10


def checked_fit(fit: str) -> Fit:
    """`crop` or `pad`; raises `InputError` otherwise."""
    if fit not in ("crop", "pad"):
        raise InputError(f"`fit` must be crop or pad, got {fit}")
    return cast(Fit, fit)


def read_for(data: Path, size: int | None, channels: int | None, fit: str, label: str) -> LabelledImages:
    """Read a set at one side length and print its class histogram to the terminal's second stream."""
    sides = None if size is None else (size, size)
    images = read_labelled(data, size=sides, channels=channels, fit=checked_fit(fit), label_column=label)
    Console(stderr=True, highlight=False).print(histogram(images))
    return images


def train_model(config: ZooConfig, images: LabelledImages, folder: Path, device: torch.device) -> None:
    """Train (or go on), then write the sheet of the averaged model."""
    parallel = join_processes(device)
    card = RunCard(config, images.shape, images.names)
    trainer = Trainer(card, images, folder, device, parallel)
    if parallel.first:
        count = parameter_count(trainer.model)
        Console(stderr=True, highlight=False).print(f"{config.model} {config.preset}: {count:,} parameters")
    trainer.train()
    if parallel.first:
        model, _ = load_model(folder, "last", device)
        write_sheet(folder / "sheet.png", class_sheet(model), COLUMNS)


def asked_labels(
    model: Family, names: Sequence[str], name: str | None, n: int | None, per_class: int | None
) -> tuple[Tensor | None, int]:
    """Labels to draw (None without classes) and how many.

    Raises:
        InputError: both or a wrong one of `n` and `per_class`, an unknown class.
        ComposeError: classes asked of a model without.
    """
    if per_class is not None:
        if n is not None or name is not None:
            raise InputError(f"`per_class` must come without class and n, got {name or n}")
        labels = torch.arange(len(names)).repeat_interleave(per_class)
        check_labels(model, labels)
        return labels, len(labels)
    count = 100 if n is None else n
    if name is not None:
        labels = torch.full((max(count, 0),), class_number(name, names))
        check_labels(model, labels)
        return labels, count
    # without a wish the classes come in turn
    return (torch.arange(max(count, 0)) % model.classes if model.classes else None), count


def sample_pictures(
    model: Family,
    names: Sequence[str],
    out: Path,
    name: str | None = None,
    n: int | None = None,
    per_class: int | None = None,
    seed: int = 0,
    options: Drawing | None = None,
    spread: Callable[[Tensor | None, int], Iterator[Tensor]] | None = None,
    stage: Callable[[str, int], None] = lambda name, total: None,
    tick: Callable[[int], None] = lambda count: None,
) -> Path:
    """Write a folder per class (a readable set again), or one sheet if `out` ends in .png; returns `out`.

    spread: draws the chunks of (labels, count) elsewhere, as `palitra.zoo.shards`. stage, tick: told how many
    pictures there will be, and of each chunk that is written.
    """
    from PIL import Image

    from palitra.data.picture_files import save_picture

    labels, count = asked_labels(model, names, name, n, per_class)
    stage("pictures", count)
    start = 0
    kept: list[Tensor] = []
    chunks = draw_pictures(model, labels, count, seed, options) if spread is None else spread(labels, count)
    for chunk in chunks:
        tick(len(chunk))
        if out.suffix == ".png":
            kept.append(chunk)
            continue
        for i, picture in enumerate(chunk, start):
            folder = out if labels is None else out / names[int(labels[i])].replace("/", "_")
            array = grid(picture[None], 1).numpy()
            image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
            save_picture(image, folder / f"{seed + i:06d}.png", {})
        start += len(chunk)
    if kept:
        pictures = torch.cat(kept)
        missing = -len(pictures) % COLUMNS
        white = torch.ones(missing, *pictures.shape[1:])
        write_sheet(out, torch.cat([pictures, white]), COLUMNS)
    return out


def swept_sheet(
    model: Family, names: Sequence[str], out: Path, sweep: str, values: str, name: str | None, seed: int
) -> Path:
    """A row per value of truncation, guidance or steps, the same seeds in each."""
    if sweep not in ("truncation", "guidance", "steps"):
        raise InputError(f"`sweep` must be truncation, guidance or steps, got {sweep}")
    try:
        numbers = [float(v) for v in values.split(",")]
    except ValueError as error:
        raise InputError(f"`values` must be numbers with commas between, got {values}") from error
    label = None if name is None else class_number(name, names)
    pictures = sweep_sheet(model, cast(Sweep, sweep), numbers, label, COLUMNS, seed)
    return write_sheet(out, pictures, COLUMNS)


def interpolation_sheet(
    model: Family, names: Sequence[str], out: Path, name: str | None, seed: int, rows: int = 10
) -> Path:
    """Each row goes from one latent to another; rows go through the classes, or stay in one."""
    label = None if name is None else class_number(name, names)
    ways = []
    for row in range(rows):
        own = label if label is not None else row % max(1, model.classes)
        ways.append(interpolate(model, own, (seed + 2 * row, seed + 2 * row + 1), COLUMNS))
    return write_sheet(out, torch.cat(ways), COLUMNS)
