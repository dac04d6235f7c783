"""Messages between the API and the live worker: two lengths, JSON, bytes. Nothing is ever unpickled."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

LENGTHS: Final = struct.Struct(">II")
MOST_WORDS: Final = 64 * 1024
MOST_BYTES: Final = 16 * 2**20


@dataclass(frozen=True)
class Frame:
    """What is said, and a picture that goes along."""

    about: Mapping[str, Any]
    data: bytes = b""


def pack(frame: Frame) -> bytes:
    """The frame as bytes."""
    words = json.dumps(frame.about).encode()
    assert len(words) <= MOST_WORDS
    assert len(frame.data) <= MOST_BYTES
    return LENGTHS.pack(len(words), len(frame.data)) + words + frame.data


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame; None when the other side has gone.

    Raises:
        ValueError: what comes is no frame.
    """
    head = stream.read(LENGTHS.size)
    if len(head) < LENGTHS.size:
        return None
    words, size = _lengths(head)
    rest = stream.read(words + size)
    return None if len(rest) < words + size else _frame(rest, words)


async def receive_frame(stream: asyncio.StreamReader) -> Frame | None:
    """As `read_frame`."""
    try:
        words, size = _lengths(await stream.readexactly(LENGTHS.size))
        return _frame(await stream.readexactly(words + size), words)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _lengths(head: bytes) -> tuple[int, int]:
    words, size = LENGTHS.unpack(head)
    if words > MOST_WORDS or size > MOST_BYTES:
        raise ValueError(f"a frame must have at most {MOST_WORDS} + {MOST_BYTES} bytes, got {words} + {size}")
    return words, size


def _frame(rest: bytes, words: int) -> Frame:
    about = json.loads(rest[:words])
    if not isinstance(about, dict):
        raise ValueError("a frame must begin with a JSON object")
    return Frame(about, rest[words:])
