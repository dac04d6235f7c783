"""Tensors out of a file that `torch.save` wrote, without unpickling it (see `pickled_dictionary`).

Read are the zip form (`data.pkl` beside one stored member for each storage) and the older form (five pickles,
then the storages one after another).
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from palitra.errors import ModelNotFoundError, WeightsError
from palitra.models.pickled_dictionary import Place, read_pickle
from palitra.models.weights import shown

OLD_MAGIC = 0x1950A86A20F9469CFC6C
KINDS = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool,
}  # fmt: skip


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors by name; nested dictionaries (such as `state_dict`) give names with dots.

    Raises:
        ModelNotFoundError: no such file.
        WeightsError: damaged, not from `torch.save`, or with anything in it but dictionaries of tensors.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"`file` must name a file that torch.save wrote, got {path}")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _read_zip(archive)
        with path.open("rb") as file:
            return _read_stream(file)
    except WeightsError as error:
        raise WeightsError(f"`{shown(path)}` cannot be converted: {error}") from None
    except (ValueError, LookupError, TypeError, AttributeError, struct.error, RuntimeError, OSError,
            zipfile.BadZipFile, EOFError) as error:  # fmt: skip
        reason = str(error).split("\n")[0] or type(error).__name__
        raise WeightsError(f"`{shown(path)}` is damaged or not from torch.save: {reason}") from error


def _read_zip(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    pickled = next((n for n in archive.namelist() if n.endswith("/data.pkl")), None)
    if pickled is None:
        raise WeightsError("it has no data.pkl")
    root = pickled.removesuffix("data.pkl")
    if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
        raise WeightsError("its numbers are not little-endian")

    def storage(place: Place) -> bytes:
        info = archive.getinfo(f"{root}data/{place.key}")
        # torch stores without compression; anything else could unpack to any size
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != _bytes_of(place):
            raise WeightsError(f"storage {place.key} has another size than its tensor says")
        return archive.read(info)

    with archive.open(pickled) as file:
        return _tensors(_places(read_pickle(file)), storage)


def _read_stream(file: IO[bytes]) -> dict[str, Tensor]:
    if read_pickle(file) != OLD_MAGIC:
        raise WeightsError("it does not begin as torch.save writes")
    read_pickle(file)  # the version of the form
    read_pickle(file)  # the machine that wrote it
    places, keys = _places(read_pickle(file)), read_pickle(file)
    sizes = {place.key: _bytes_of(place) for place in places.values()}
    left = os.fstat(file.fileno()).st_size - file.tell()
    # each storage comes with its length in 8 bytes, an empty one too
    if sum(8 + size for size in sizes.values()) > left:
        raise WeightsError("it is cut short")
    storages = {}
    for key in keys:
        file.read(8)  # the length once more
        storages[key] = file.read(sizes[key])
    return _tensors(places, lambda place: storages[place.key])


def _bytes_of(place: Place) -> int:
    return place.length * KINDS[place.kind].itemsize


def _places(content: Any) -> dict[str, Place]:
    """Tensors of nested dictionaries by name; other values (numbers, words) are left out."""
    found: dict[str, Place] = {}
    seen: set[int] = set()
    waiting = [("", content)]
    while waiting:
        prefix, values = waiting.pop()
        if id(values) in seen:
            raise WeightsError("a dictionary is in it twice")
        seen.add(id(values))
        for name, value in values.items() if isinstance(values, Mapping) else ():
            if isinstance(value, Place):
                found[f"{prefix}{name}"] = value
            elif isinstance(value, Mapping):
                waiting.append((f"{prefix}{name}.", value))
    if not found:
        raise WeightsError("it holds no dictionary of tensors")
    return found


def _tensors(places: Mapping[str, Place], storage: Callable[[Place], bytes]) -> dict[str, Tensor]:
    found = {}
    for name, place in places.items():
        last = place.offset + sum((n - 1) * s for n, s in zip(place.shape, place.strides, strict=True))
        count = math.prod(place.shape)
        inside = min((place.offset, *place.shape, *place.strides)) >= 0 and count <= place.length
        if not inside or (count and last >= place.length):
            raise WeightsError(f"`{name}` lies outside its storage")
        if not count:
            found[name] = torch.empty(place.shape, dtype=KINDS[place.kind])
            continue
        flat = torch.frombuffer(bytearray(storage(place)), dtype=KINDS[place.kind])
        found[name] = flat.as_strided(place.shape, place.strides, place.offset).clone()
    return found
