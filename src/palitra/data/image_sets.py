"""Streams of labelled images for measuring: a folder (a subfolder per class), parquet, or npz.

Images come one after another as bytes (3, H, W), of whatever size each has. Files that cannot be read
are skipped, counted and named; more than one in a hundred refuses the set.
"""

from __future__ import annotations

import hashlib
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palitra.data.datasets import read_rows
from palitra.data.images import flatten, open_image
from palitra.errors import ImageError, InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
SMALLEST_SIDE = 4
MOST_SKIPPED = 0.01


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """`pixels` uint8 (3, H, W); `label` numbers the set's `classes`, None without classes."""

    name: str
    pixels: Tensor
    label: int | None


@dataclass
class ImageSet(ABC):
    """A set that can be read any number of times; `skipped` names what the last reading left out."""

    path: Path
    classes: tuple[str, ...] = ()
    skipped: list[str] = field(default_factory=list)

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _items(self) -> Iterator[tuple[str, Any, int | None]]:
        """Name, what is to be decoded, and label."""

    @abstractmethod
    def _decode(self, source: Any, name: str) -> Tensor: ...

    def images(self, limit: int | None = None) -> Iterator[LabelledImage]:
        """All readable images in a fixed order, or `limit` of them evenly spread over the set.

        Sets are often sorted by class: their beginning would show one class only.

        Raises:
            ImageError: more than 1 % of them cannot be read; the first ones are named.
        """
        self.skipped = []
        count = min(len(self), limit or len(self))
        wanted = {i * len(self) // count for i in range(count)}
        for number, (name, source, label) in enumerate(self._items()):
            if number not in wanted:
                continue
            try:
                pixels = self._decode(source, name)
            except ImageError:
                self.skipped.append(name)
                if len(self.skipped) > MOST_SKIPPED * count:
                    raise ImageError(self._refusal(count)) from None
                continue
            yield LabelledImage(name, pixels, label)

    def _refusal(self, count: int) -> str:
        return (
            f"`{self.path.name}` must have at most 1 % unreadable images, "
            f"got {len(self.skipped)} of {count} so far: {', '.join(self.skipped[:3])}"
        )

    def content_hash(self) -> str:
        """SHA-256 (hex) over the names and bytes of all files: two sets with one hash are the same images."""
        digest = hashlib.sha256()
        for name, path in self._files():
            with path.open("rb") as file:
                digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        return digest.hexdigest()

    def _files(self) -> list[tuple[str, Path]]:
        return [("", self.path)]


@dataclass
class FolderSet(ImageSet):
    """Picture files below a folder, in order of their names; the first subfolder is the class."""

    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def _items(self) -> Iterator[tuple[str, Any, int | None]]:
        numbers = {name: i for i, name in enumerate(self.classes)}
        for path in self.files:
            inner = path.relative_to(self.path)
            yield inner.as_posix(), path, numbers.get(inner.parts[0]) if len(inner.parts) > 1 else None

    def _decode(self, source: Any, name: str) -> Tensor:
        return _pixels(source, name)

    def _files(self) -> list[tuple[str, Path]]:
        return [(path.relative_to(self.path).as_posix(), path) for path in self.files]


@dataclass
class ParquetSet(ImageSet):
    """Rows with the columns `image` ({bytes, path}) and, if there is one, `label`."""

    rows: int = 0
    labelled: bool = False

    def __len__(self) -> int:
        return self.rows

    def _items(self) -> Iterator[tuple[str, Any, int | None]]:
        numbers = {name: i for i, name in enumerate(self.classes)}
        for i, row in enumerate(read_rows(self.path, ["image", "label"] if self.labelled else ["image"])):
            yield f"row {i}", row["image"], numbers[str(row["label"])] if self.labelled else None

    def _decode(self, source: Any, name: str) -> Tensor:
        if not isinstance(source, dict) or not isinstance(source.get("bytes"), bytes):
            raise ImageError(f"`{name}` must hold the bytes of a picture")
        return _pixels(source["bytes"], name)


@dataclass
class ArraySet(ImageSet):
    """An npz file: `images` uint8 (N, H, W) or (N, H, W, 1 or 3), and perhaps `labels` (N,) and `names`."""

    pixels: Any = None
    labels: Any = None

    def __len__(self) -> int:
        return len(self.pixels)

    def _items(self) -> Iterator[tuple[str, Any, int | None]]:
        for i, pixels in enumerate(self.pixels):
            yield f"image {i}", pixels, None if self.labels is None else int(self.labels[i])

    def _decode(self, source: Any, name: str) -> Tensor:
        pixels = torch.from_numpy(np.array(source))
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        return pixels.permute(2, 0, 1).expand(3, -1, -1).contiguous()


def open_image_set(path: Path) -> ImageSet:
    """A folder, a .parquet or an .npz file as a set.

    Raises:
        InputError: none of the three, no images in it, or labels that do not match.
    """
    if path.is_dir():
        return _open_folder(path)
    if path.is_file() and path.suffix == ".parquet":
        return _open_parquet(path)
    if path.is_file() and path.suffix == ".npz":
        return _open_arrays(path)
    raise InputError(f"`images` must be a folder, a .parquet or an .npz file, got {path}")


def _open_folder(path: Path) -> ImageSet:
    files = tuple(sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()))
    if not files:
        raise InputError(f"`images` must have at least 1 picture file, got none in {path}")
    inner = [p.relative_to(path).parts for p in files]
    sorted_names = sorted({parts[0] for parts in inner})
    nested = all(len(parts) > 1 for parts in inner)
    return FolderSet(path, tuple(sorted_names) if nested else (), files=files)


def _open_parquet(path: Path) -> ImageSet:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"`images` must be an undamaged parquet file, got {path.name}") from error
    names = file.schema_arrow.names
    if "image" not in names or not file.metadata.num_rows:
        raise InputError(
            f"`{path.name}` must have the column image and at least 1 row, got {', '.join(names)} "
            f"and {file.metadata.num_rows}"
        )
    if "label" not in names:
        return ParquetSet(path, rows=file.metadata.num_rows)
    values = set(pq.read_table(path, columns=["label"])["label"].to_pylist())
    # numbers in their own order, so that class 10 comes behind class 9
    whole = all(isinstance(v, int) for v in values)
    classes = tuple(str(v) for v in (sorted(values) if whole else sorted(map(str, values))))
    return ParquetSet(path, classes, rows=file.metadata.num_rows, labelled=True)


def _open_arrays(path: Path) -> ImageSet:
    try:
        with np.load(path) as file:  # pickled arrays are refused by default
            held = {name: file[name] for name in ("images", "labels", "names") if name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            f"`images` must be an undamaged npz file of plain arrays, got {path.name}"
        ) from error
    images, labels = held.get("images"), held.get("labels")
    fits = images is not None and (images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3)))
    if images is None or not fits or images.dtype != np.uint8 or not len(images):
        got = "no array of that name" if images is None else f"{images.dtype} {images.shape}"
        raise InputError(f"`{path.name}` must have `images` uint8 (N, H, W) or (N, H, W, 1 or 3), got {got}")
    if labels is None:
        return ArraySet(path, pixels=images)
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise InputError(
            f"`{path.name}` must have `labels` of {len(images)} numbers from 0, "
            f"got {labels.dtype} {labels.shape}"
        )
    names = held.get("names", np.arange(int(labels.max()) + 1))
    if len(names) <= labels.max():
        raise InputError(f"`{path.name}` must have a name for label {labels.max()}, got {len(names)} names")
    return ArraySet(path, tuple(map(str, names)), pixels=images, labels=labels)


def _pixels(source: Path | bytes, name: str) -> Tensor:
    image = flatten(open_image(source, name=name, min_side=SMALLEST_SIDE).image)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
