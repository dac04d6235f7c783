"""What a live drawing may be, looked at before anything is decoded."""

from __future__ import annotations

import struct
from typing import Final

from palitra.errors import ImageError

LIVE_BYTES: Final = 256 * 1024
LIVE_SIDE: Final = 1024
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEAD: Final = struct.Struct(">I4sII")


def check_png(data: bytes) -> None:
    """Refuse what does not begin as a small PNG, whatever its sender calls it.

    Raises:
        ImageError: too many bytes, another format, or a side above 1024 px.
    """
    if len(data) > LIVE_BYTES:
        raise ImageError(f"`sketch` must have at most {LIVE_BYTES} bytes, got {len(data)}")
    head = data[len(_SIGNATURE) : len(_SIGNATURE) + _HEAD.size]
    if not data.startswith(_SIGNATURE) or len(head) < _HEAD.size:
        raise ImageError(f"`sketch` must be a PNG of at most {LIVE_SIDE} px a side, got something else")
    length, chunk, width, height = _HEAD.unpack(head)
    if (length, chunk) != (13, b"IHDR") or max(width, height) > LIVE_SIDE:
        raise ImageError(f"`sketch` must be a PNG of at most {LIVE_SIDE} px a side, got {width}x{height}")
