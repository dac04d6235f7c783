"""PNG files that carry their recipe: written whole or not at all, read with bounds."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from PIL import Image, PngImagePlugin

from palitra.errors import DiskError, InputError
from palitra.version import __version__

KEYWORD: Final = "palitra"
MAX_RECIPE: Final = 4 * 2**20  # bytes of JSON
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS: Final = 100_000
_MOST_NAMES: Final = 100_000


def save_picture(image: Image.Image, path: str | Path, recipe: Mapping[str, Any]) -> Path:
    """Write a PNG with its recipe in a text chunk; the file appears complete or not at all.

    The picture is encoded in memory, written to a hidden file in the same folder, flushed to the disk
    and moved into place. A file of that name is replaced: take `unique_path` first to keep it.

    Args:
        image: any mode that PNG knows.
        path: ends in .png; missing folders are made.
        recipe: what `palitra again` needs, as JSON values; empty for a picture without one. The key
            "palitra" (the version) is added where it is missing.

    Raises:
        InputError: the name does not end in .png.
        DiskError: the file cannot be written (disk full, no permission); nothing half-written stays.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(f"`out` must end in .png, got {path.name!r}")
    data = encode_picture(image, recipe)
    part = path.with_name(f".{path.name[:64]}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DiskError(f"`out` must be a place that can be written, but {path} cannot: {reason}") from error
    return path


def encode_picture(image: Image.Image, recipe: Mapping[str, Any]) -> bytes:
    """The bytes of the PNG that `save_picture` writes."""
    info = PngImagePlugin.PngInfo()
    if recipe:
        text = json.dumps({KEYWORD: __version__, **recipe}, ensure_ascii=True, separators=(",", ":"))
        assert len(text) <= MAX_RECIPE, f"a recipe of {len(text)} bytes"
        info.add_text(KEYWORD, text, zip=len(text) > 2048)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def read_recipe(path: str | Path) -> dict[str, Any]:
    """The recipe in a PNG made by palitra; no pixel is decoded, and at most 4 MiB of text.

    Raises:
        InputError: no such file, no PNG, no recipe in it, or a damaged or overlong one.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"`file` must be a PNG made by palitra, got a path where no file is: {path}")
    try:
        with path.open("rb") as file:
            text = _recipe_text(file, path)
    except OSError as error:
        raise InputError(f"`file` must be readable, but {path} is not: {error.strerror}") from error
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"`file` must carry an undamaged recipe, but that of {path} is no JSON") from error
    if not isinstance(recipe, dict):
        raise InputError(f"`file` must carry a recipe of named fields, got {type(recipe).__name__} in {path}")
    return recipe


def unique_path(path: str | Path) -> Path:
    """The path itself while no file has that name, else the first free of `name-2`, `name-3` and so on."""
    path = Path(path)
    if not os.path.lexists(path):
        return path
    for number in range(2, _MOST_NAMES):
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        if not os.path.lexists(free):
            return free
    raise DiskError(f"`out` must have free names beside {path}, but {_MOST_NAMES} are taken")


def _recipe_text(file: BinaryIO, path: Path) -> bytes:
    """The JSON in the chunk with our keyword."""
    if file.read(8) != _SIGNATURE:
        raise InputError(f"`file` must be a PNG made by palitra, got a file of another kind: {path}")
    for kind, body in _text_chunks(file, path):
        keyword, _, rest = body.partition(b"\0")
        if keyword != KEYWORD.encode("ascii"):
            continue
        if kind == b"tEXt":
            return rest
        if kind == b"zTXt" and rest[:1] == b"\0":
            return _inflated(rest[1:], path)
    raise InputError(
        f"`file` must carry a recipe, but {path} holds none: it was not made by palitra, or a program "
        "that changed it dropped the recipe"
    )


def _text_chunks(file: BinaryIO, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the text chunks (PNG specification, 5.3); others are skipped unread."""
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind not in (b"tEXt", b"zTXt"):
            file.seek(length + 4, os.SEEK_CUR)
            continue
        if length > MAX_RECIPE:
            raise InputError(
                f"`file` must carry a text of at most {MAX_RECIPE} bytes, got {length} in {path}"
            )
        body, checksum = file.read(length), file.read(4)
        if zlib.crc32(kind + body).to_bytes(4, "big") != checksum:
            raise InputError(f"`file` must be an undamaged PNG, but a text in {path} has a wrong checksum")
        yield kind, body


def _inflated(packed: bytes, path: Path) -> bytes:
    """The text unpacked, up to the bound."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_RECIPE)
    except zlib.error as error:
        raise InputError(
            f"`file` must carry an undamaged recipe, but that of {path} cannot be unpacked"
        ) from error
    if unpacker.unconsumed_tail:
        raise InputError(
            f"`file` must carry a recipe of at most {MAX_RECIPE} bytes, got a longer one in {path}"
        )
    return text
