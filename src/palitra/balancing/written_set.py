"""The balanced set as files: a folder per class, generated pictures told by their names, and a manifest."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from torch import Tensor

from palitra.balancing.synthetic import Synthetic
from palitra.data.picture_files import save_picture
from palitra.errors import DiskError
from palitra.zoo.labelled_images import LabelledImages

MANIFEST = "manifest.csv"
COLUMNS = ("path", "label", "kind", "row_or_seed", "weight")


def write_set(
    folder: Path,
    real: LabelledImages,
    made: Synthetic,
    weight: float,
    tick: Callable[[], None] = lambda: None,
) -> Path:
    """Write real rows and generated ones; returns the manifest, which is a readable CSV set as well.

    Files that are there already stay as they are.

    Raises:
        DiskError: the place cannot be written.
    """
    lines = []
    for kind, images, labels, numbers in (
        ("real", real.images, real.labels.tolist(), list(range(len(real)))),
        ("synthetic", made.images, made.labels.tolist(), made.seeds.tolist()),
    ):
        for image, label, number in zip(images, labels, numbers, strict=True):
            name = real.names[label].replace("/", "_")
            path = folder / name / f"{kind}-{number:06d}.png"
            if not path.exists():
                save_picture(_picture(image), path, {})
            lines.append(
                (f"{name}/{path.name}", real.names[label], kind, number, 1 if kind == "real" else weight)
            )
            tick()
    manifest = folder / MANIFEST
    try:
        with manifest.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(lines)
    except OSError as error:
        raise DiskError(
            f"`out` must be a place that can be written, but {manifest} cannot: {error}"
        ) from error
    return manifest


def _picture(image: Tensor) -> Image.Image:
    array = image.permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
