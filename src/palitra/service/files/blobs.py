"""Content-addressed bytes on a disk or in an S3-compatible store, by URL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from palitra.errors import DiskError, NotFoundError

CHUNK = 500


class BlobStore:
    """Every blob's name is the SHA-256 of its bytes, so a write is whole or not there and never changes."""

    def __init__(self, url: str) -> None:
        from obstore.store import from_url

        parts = urlsplit(url)
        if parts.scheme == "file":
            Path(url2pathname(parts.path)).mkdir(parents=True, exist_ok=True)
        self._store = from_url(url)

    def put(self, data: bytes) -> str:
        """Keep the bytes; returns their name.

        Raises:
            DiskError: the store cannot be written; nothing half-written stays.
        """
        name = name_of(data)
        try:
            self._store.put(_path(name), data)
        except Exception as error:
            raise DiskError(f"`store` must be writable, but it is not: {_reason(error)}") from error
        return name

    def get(self, name: str) -> bytes:
        """The bytes of that name.

        Raises:
            NotFoundError: there are none (deleted, or never written).
        """
        try:
            return bytes(self._store.get(_path(name)).bytes())
        except FileNotFoundError as error:
            raise NotFoundError(f"`file` must be one that is kept, got {name[:64]}") from error

    def has(self, name: str) -> bool:
        """Whether the bytes of that name are there."""
        try:
            self._store.head(_path(name))
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Really delete; deleting what is gone is fine."""
        try:
            self._store.delete(_path(name))
        except FileNotFoundError:
            return

    def unchanged_since(self, when: float) -> Iterator[list[str]]:
        """Names of all blobs written before `when` (UTC seconds), some hundreds at a time."""
        for chunk in self._store.list(chunk_size=CHUNK):
            names = [(Path(meta["path"]).name, meta["last_modified"].timestamp()) for meta in chunk]
            yield [name for name, at in names if at < when and is_name(name)]


def name_of(data: bytes) -> str:
    """The name that these bytes have, kept or not."""
    return hashlib.sha256(data).hexdigest()


def _path(name: str) -> str:
    """Names are our own hashes: no user ever names a path."""
    if not is_name(name):
        raise NotFoundError(f"`file` must be the id of a kept file, got {name[:64]!r}")
    return f"{name[:2]}/{name}"


def is_name(name: str) -> bool:
    """Whether it can be a blob's name at all."""
    return len(name) == 64 and not set(name) - set("0123456789abcdef")


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
