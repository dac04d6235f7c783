"""Makes the edits of a set by many methods, resumably: a folder per method, a row per edit."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from PIL import Image

from palitra.bench.edit_set import EditCase
from palitra.bench.peak_memory import PeakMemory
from palitra.core.progress import Hooks
from palitra.data.images import to_image, to_tensor
from palitra.data.photo_frame import PhotoFrame
from palitra.errors import ComposeError, InputError
from palitra.models.text_to_image import TextToImage
from palitra.recipes.editing.inversion_store import InversionStore
from palitra.recipes.editing.rows import EditRow, edit_rows
from palitra.spec.edit import EditParams

PHOTOS = "photos"
BATCH = 8


@dataclass(frozen=True)
class EditCost:
    """What one edit took; of a batch, its share. peak_mb is of the whole batch, beyond the weights."""

    id: str
    type: str
    seconds: float
    calls: float
    forwards: float
    backwards: float
    peak_mb: float


@dataclass(frozen=True)
class Arm:
    """A method at a setting; `name` is its folder."""

    params: EditParams
    varies: str = ""

    @property
    def name(self) -> str:
        """The method, and what sets this arm apart from its other arms."""
        return self.params.method + (f" {self.varies}" if self.varies else "")


def run_arm(
    model: TextToImage,
    arm: Arm,
    cases: Sequence[EditCase],
    out: Path,
    store: InversionStore,
    *,
    batch: int = BATCH,
    hooks: Hooks | None = None,
    tick: Callable[[int], None] = lambda count: None,
) -> list[str]:
    """Make the edits that `out` does not hold yet; returns the ids of those that the method refused.

    Pictures go to `out/NAME/ID.png`, photos at the same size to `out/photos/ID.png`, costs to `out/NAME.csv`.

    Raises:
        ComposeError: the method cannot work with this model at all.
    """
    folder = out / arm.name
    folder.mkdir(parents=True, exist_ok=True)
    (out / PHOTOS).mkdir(exist_ok=True)
    table = out / f"{arm.name}.csv"
    done = {cost.id for cost in read_costs(table)}
    todo = [case for case in cases if case.id not in done]
    tick(len(cases) - len(todo))
    refused: list[str] = []
    for start in range(0, len(todo), batch):
        part = todo[start : start + batch]
        try:
            costs = _make(model, arm.params, part, out, folder, store, hooks)
        except ComposeError:
            raise
        except InputError:
            # one edit's words may not suit a method: find which
            costs = []
            for case in part:
                try:
                    costs += _make(model, arm.params, [case], out, folder, store, hooks)
                except InputError:
                    refused.append(case.id)
        _append(table, costs)
        tick(len(part))
    return refused


def _make(
    model: TextToImage,
    params: EditParams,
    cases: Sequence[EditCase],
    out: Path,
    folder: Path,
    store: InversionStore,
    hooks: Hooks | None,
) -> list[EditCost]:
    frames, rows = [], []
    for case in cases:
        photo = case.photo()
        frame = PhotoFrame.of(photo.size, model.size)
        square = to_tensor(frame.place(photo))[0]
        frames.append(frame)
        rows.append(EditRow(square, case.source, case.target, params.seed))
        _save(frame.restore(to_image(square)), out / PHOTOS / f"{case.id}.png")
    began = time.perf_counter()
    with PeakMemory(model.device) as memory:
        images, job = edit_rows(model, params, rows, store, hooks)
    seconds = (time.perf_counter() - began) / len(cases)
    for case, frame, image in zip(cases, frames, images, strict=True):
        _save(frame.restore(to_image(image)), folder / f"{case.id}.png")
    n = len(cases)
    backwards = sum(job.cost.backwards.values()) / n
    shares = (seconds, job.cost.calls / n, job.cost.samples / n, backwards, memory.bytes / 2**20)
    return [EditCost(case.id, case.type, *(round(s, 4) for s in shares)) for case in cases]


def _save(image: Image.Image, path: Path) -> None:
    if not path.exists():
        image.save(path)


def read_costs(table: Path) -> list[EditCost]:
    """The rows of a cost table; none when there is no table. A last row cut short is left out."""
    if not table.is_file():
        return []
    rows: list[EditCost] = []
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if any(row.get(f.name) in (None, "") for f in fields(EditCost)):
                continue
            numbers = [float(row[f.name]) for f in fields(EditCost)[2:]]
            rows.append(EditCost(row["id"], row["type"], *numbers))
    return rows


def _append(table: Path, costs: Sequence[EditCost]) -> None:
    new = not table.exists()
    # a run that was killed while it wrote leaves half a line
    cut_short = not new and not table.read_bytes().endswith(b"\n")
    with table.open("a", encoding="utf-8", newline="") as file:
        if cut_short:
            file.write("\n")
        writer = csv.DictWriter(file, [f.name for f in fields(EditCost)])
        if new:
            writer.writeheader()
        writer.writerows(asdict(cost) for cost in costs)
