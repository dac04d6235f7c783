"""Inverted photos, kept in memory and on disk: several wishes for one photo invert it once.

An entry holds the tensors of one photo under one prompt, model, convention and number of steps; every
method of that convention shares it. Both places are bounded by bytes; the least recently used go first.
Files are written beside their place and moved there, and carry a hash of their tensors: one that is
cut short or changed counts as absent and is removed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

Tensors = dict[str, Tensor]
MEMORY_BYTES = 2**30
DISK_BYTES = 2 * 2**30


def photo_key(picture: Tensor) -> str:
    """16 hex digits that change with a photo (C, H, W).

    Of its pixels, not of its latent, whose last digits depend on how many were encoded together.
    """
    return hashlib.sha256(picture.detach().float().cpu().contiguous().numpy().tobytes()).hexdigest()[:16]


def entry_key(*parts: str | int | float) -> str:
    """The name of an entry: 32 hex digits over everything that its tensors depend on."""
    return hashlib.sha256("\x1f".join(str(p) for p in parts).encode()).hexdigest()[:32]


class InversionStore:
    """Tensors by key, the newest in memory and, with a folder, on disk between runs. Safe between threads."""

    def __init__(
        self,
        folder: Path | None = None,
        memory_bytes: int = MEMORY_BYTES,
        disk_bytes: int = DISK_BYTES,
    ) -> None:
        self.folder, self.memory_bytes, self.disk_bytes = folder, memory_bytes, disk_bytes
        self._memory: OrderedDict[str, Tensors] = OrderedDict()
        self._lock = threading.RLock()
        self.hits = self.misses = 0

    def get(self, key: str) -> Tensors | None:
        """An entry's tensors on the CPU, or None."""
        with self._lock:
            found = self._memory.get(key)
            if found is None:
                found = self._read(key)
                if found is not None:
                    self._remember(key, found)
            else:
                self._memory.move_to_end(key)
            self.hits, self.misses = self.hits + (found is not None), self.misses + (found is None)
            return found

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep an entry. A full or read-only disk is no error: the entry is then only in memory."""
        kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        with self._lock:
            self._remember(key, kept)
            if self.folder is not None and _size(kept) <= self.disk_bytes:
                with suppress(OSError, SafetensorError):
                    self._write(self.folder, key, kept)

    def _remember(self, key: str, tensors: Tensors) -> None:
        self._memory[key] = tensors
        self._memory.move_to_end(key)
        total = sum(_size(t) for t in self._memory.values())
        while total > self.memory_bytes and self._memory:
            _, old = self._memory.popitem(last=False)
            total -= _size(old)

    def _read(self, key: str) -> Tensors | None:
        if self.folder is None:
            return None
        path = self.folder / f"{key}.safetensors"
        try:
            with safe_open(path, framework="pt") as file:
                said = (file.metadata() or {}).get("sha256")
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError):
            path.unlink(missing_ok=True)
            return None
        if said != _digest(found):
            path.unlink(missing_ok=True)
            return None
        with suppress(OSError):
            os.utime(path)
        return found

    def _write(self, folder: Path, key: str, tensors: Tensors) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
        os.close(handle)
        try:
            save_file(tensors, name, metadata={"sha256": _digest(tensors)})
            Path(name).replace(folder / f"{key}.safetensors")
        finally:
            Path(name).unlink(missing_ok=True)
        self._bound(folder)

    def _bound(self, folder: Path) -> None:
        files = sorted(folder.glob("*.safetensors"), key=lambda p: p.stat().st_mtime)
        total = sum(p.stat().st_size for p in files)
        for path in files:
            if total <= self.disk_bytes:
                return
            total -= path.stat().st_size
            path.unlink(missing_ok=True)


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors.values())


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().view(torch.uint8).numpy().tobytes() if value.dim() else b"")
    return digest.hexdigest()
