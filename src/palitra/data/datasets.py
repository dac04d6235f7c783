"""Reading the image sets: parquet shards in the Hugging Face image convention."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from palitra.errors import InputError


def data_root() -> Path:
    """Folder of the image sets: `$PALITRA_DATA`, else `shared/data` beside the working copy."""
    named = os.environ.get("PALITRA_DATA")
    return Path(named) if named else Path(__file__).parents[4] / "shared" / "data"


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of a parquet file with the named columns, in file order.

    Raises:
        InputError: the file or a column is missing, or the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(
            f"`data` must hold {path.parent.name}/{path.name}: set PALITRA_DATA to the image sets' folder"
        )
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"`data` must hold whole files, but {path.parent.name}/{path.name} is damaged: get it again"
        ) from error
    missing = [c for c in columns if c not in file.schema_arrow.names]
    if missing:
        raise InputError(
            f"`{path.name}` must have the column {missing[0]}, got {', '.join(file.schema_arrow.names)}"
        )
    for batch in file.iter_batches(batch_size=256, columns=list(columns)):
        yield from batch.to_pylist()


def decode_rgb(cell: dict[str, Any], size: int | None = None) -> Tensor:
    """An image cell {bytes, path} as uint8 (3, H, W); centre-cropped and resized to `size` if given."""
    with Image.open(io.BytesIO(cell["bytes"])) as file:
        image = file.convert("RGB")
    if size is not None:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
