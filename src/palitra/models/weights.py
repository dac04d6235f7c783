"""Reading and writing network weights: safetensors and nothing else.

A file is judged by its content, whatever it is called: pickled files can run code when they are
opened, so they are recognised by their first bytes and never handed to any unpickler.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from palitra.errors import DiskError, ModelNotFoundError, WeightsError

SHARD_BYTES = 15_000_000
VARIANTS = ("fp16", "bf16", "fp32")
PICKLED_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
LONGEST_HEADER = 100_000_000
SAMPLED_BYTES = 4096


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies: its file, dtype name, shape, and byte range in the file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class NetworkWeights:
    """The tensors of one network, in one safetensors file or several shards.

    `path` names it in messages; `infos` maps tensor names to where they lie.
    """

    path: Path
    infos: Mapping[str, TensorInfo]

    @property
    def files(self) -> list[Path]:
        """The files that hold the tensors."""
        return sorted({info.file for info in self.infos.values()})

    def tensors(
        self, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
    ) -> dict[str, Tensor]:
        """All tensors on `device`; floating ones in `dtype` if given.

        Values are copied: memory mapped from a file would kill the process if the file were rewritten.
        """
        found: dict[str, Tensor] = {}
        for path in self.files:
            try:
                with safe_open(path, "pt", device=str(device)) as file:
                    for name in file.keys():  # noqa: SIM118 - the reader is no mapping
                        if name in self.infos:
                            value = file.get_tensor(name)
                            kind = dtype if dtype and value.is_floating_point() else value.dtype
                            found[name] = value.to(kind, copy=value.device.type == "cpu")
            except SafetensorError as error:
                raise WeightsError(f"`{shown(path)}` is not a readable safetensors file: {error}") from error
        return found

    def fingerprint(self) -> str:
        """SHA-256 (hex) over every tensor's name, dtype, shape and first 4 KiB.

        It tells fine-tunes and damaged files apart in milliseconds; how the tensors are spread over
        shards does not matter. `FileHashes` gives the hash of whole files.
        """
        digest = hashlib.sha256()
        handles = {path: path.open("rb") for path in self.files}
        try:
            for name in sorted(self.infos):
                info = self.infos[name]
                digest.update(f"{name} {info.dtype} {info.shape};".encode())
                handles[info.file].seek(info.start)
                digest.update(handles[info.file].read(min(SAMPLED_BYTES, info.end - info.start)))
        finally:
            for handle in handles.values():
                handle.close()
        return digest.hexdigest()


@dataclass
class FileHashes:
    """SHA-256 of whole files, remembered while path, size and modification time stay the same."""

    known: dict[tuple[Path, int, int], str] = field(default_factory=dict)

    def sha256(self, path: Path) -> str:
        """The hash in hex; about 1 s per 1.5 GB the first time."""
        stat = path.stat()
        key = (path.resolve(), stat.st_size, stat.st_mtime_ns)
        if key not in self.known:
            with path.open("rb") as file:
                self.known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self.known[key]


def shown(path: Path) -> str:
    """A path as messages name it: the file and the folder it lies in."""
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name


def read_weights(path: Path) -> NetworkWeights:
    """Look into one safetensors file without loading its tensors.

    Raises:
        ModelNotFoundError: there is no such file.
        WeightsError: the file is pickled, cut short, or not safetensors.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"`weights` must name a safetensors file, got {path}")
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(64)
        length = struct.unpack("<Q", first[:8])[0] if len(first) > 8 else 0
        if not 2 <= length <= LONGEST_HEADER or first[8:9] != b"{":
            raise WeightsError(_what_it_is(path, first))
        file.seek(8)
        raw = file.read(length)
    begin = 8 + length
    infos = _parse_header(path, raw, begin) if size >= begin else {}
    end = max((info.end for info in infos.values()), default=begin)
    if end > size:
        raise WeightsError(
            f"`{shown(path)}` is cut short: it must have {end} bytes and has {size}: get it again"
        )
    return NetworkWeights(path, infos)


def _parse_header(path: Path, raw: bytes, begin: int) -> dict[str, TensorInfo]:
    infos: dict[str, TensorInfo] = {}
    try:
        for name, entry in json.loads(raw).items():
            if name != "__metadata__":
                low, high = (int(v) for v in entry["data_offsets"])
                shape = tuple(int(v) for v in entry["shape"])
                infos[name] = TensorInfo(path, str(entry["dtype"]), shape, begin + low, begin + high)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"`{shown(path)}` has a damaged safetensors header: get it again") from error
    return infos


def _what_it_is(path: Path, first: bytes) -> str:
    """Say what a file is that is not safetensors."""
    name = shown(path)
    pickled = first[:1] == b"\x80" and first[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    if pickled or first.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return f"`{name}` is a pickled file, which can run code when opened: hand in safetensors"
    if first.startswith(b"version https://git-lfs"):
        return f"`{name}` is a Git LFS pointer and not the weights: run `git lfs pull` in its folder"
    if first.lstrip()[:1] == b"<":
        return f"`{name}` is a web page and not the weights: download the file itself"
    if not first:
        return f"`{name}` is empty: get it again"
    return f"`{name}` is not a safetensors file: hand in safetensors"


def find_weights(folder: Path, stem: str) -> NetworkWeights:
    """The weights of a component folder in the diffusers layout.

    Looks for `stem.safetensors`, its sharded form (`stem.safetensors.index.json`), then the same with
    a variant such as `stem.fp16.safetensors`.

    Raises:
        WeightsError: there are only pickled files, none at all, or a damaged index.
    """
    names = [(f"{stem}.safetensors", f"{stem}.safetensors.index.json")]
    names += [(f"{stem}.{v}.safetensors", f"{stem}.safetensors.index.{v}.json") for v in VARIANTS]
    for single, index in names:
        if (folder / single).is_file():
            return read_weights(folder / single)
        if (folder / index).is_file():
            return _read_shards(folder / index)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix in PICKLED_SUFFIXES:
            raise WeightsError(
                f"`{shown(path)}` is a pickled file, which can run code when opened: put {stem}.safetensors "
                f"beside it"
            )
    raise WeightsError(f"`{folder.name}` must hold {stem}.safetensors, and {folder} does not")


def _read_shards(index: Path) -> NetworkWeights:
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = sorted({str(v) for v in places.values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"`{shown(index)}` is not an index of shards: get it again") from error
    infos: dict[str, TensorInfo] = {}
    for name in files:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise WeightsError(f"`{shown(index)}` must name safetensors files beside it, got {name}")
        if not (index.parent / name).is_file():
            raise WeightsError(f"`{shown(index)}` names the shard {name}, which is missing: put it beside")
        held = read_weights(index.parent / name).infos
        infos |= {k: v for k, v in held.items() if places.get(k) == name}
    missing = [k for k in places if k not in infos]
    if missing:
        raise WeightsError(f"`{shown(index)}` promises `{missing[0]}`, which its shard does not hold")
    return NetworkWeights(index, infos)


def check_layout(
    path: Path, found: Mapping[str, Iterable[int]], expected: Mapping[str, Iterable[int]]
) -> None:
    """Compare names and shapes of tensors; both map names to shapes.

    Raises:
        WeightsError: a tensor is missing, too many, or of another shape; the first one is named.
    """
    for name, shape in expected.items():
        if name not in found:
            lacking = sum(k not in found for k in expected)
            raise WeightsError(
                f"`{shown(path)}` must hold `{name}` of shape {tuple(shape)}; it lacks {lacking} of "
                f"{len(expected)} tensors of this network"
            )
        if tuple(found[name]) != tuple(shape):
            raise WeightsError(
                f"`{shown(path)}` must hold `{name}` of shape {tuple(shape)}, got {tuple(found[name])}"
            )
    extra = sorted(set(found) - set(expected))
    if extra:
        raise WeightsError(f"`{shown(path)}` must not hold `{extra[0]}`: this network has no such tensor")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a config file.

    Raises:
        WeightsError: the file is missing or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"`{path.parent.name}` must hold {path.name}, and {path.parent} does not")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"`{shown(path)}` is not JSON: get it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"`{shown(path)}` must be a JSON object, got {type(content).__name__}")
    return content


def build_network(
    make: Callable[[], nn.Module],
    weights: NetworkWeights,
    device: torch.device | str,
    dtype: torch.dtype,
    rename: Callable[[str], str | None] = lambda name: name,
) -> Any:
    """Make a network without initialising it, fill it, and freeze it in evaluation mode.

    `rename` maps a tensor's name in the file to the network's; None leaves the tensor out.

    Raises:
        WeightsError: the config describes no network, or the weights do not fit it.
    """
    config = weights.path.parent / "config.json"
    try:
        with torch.device("meta"):
            network = make()
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError) as error:
        first = str(error).strip().split("\n")[0]
        raise WeightsError(f"`{shown(config)}` describes no network that can be built: {first}") from error
    names = {old: new for old in weights.infos if (new := rename(old)) is not None}
    expected = {name: value.shape for name, value in network.state_dict().items()}
    check_layout(weights.path, {new: weights.infos[old].shape for old, new in names.items()}, expected)
    tensors = weights.tensors(device, dtype)
    network.load_state_dict({new: tensors[old] for old, new in names.items()}, assign=True)
    return network.eval().requires_grad_(False)


def save_weights(
    folder: Path, stem: str, tensors: Mapping[str, Tensor], limit: int = SHARD_BYTES
) -> list[Path]:
    """Write `stem.safetensors`, or shards of at most `limit` bytes with their index.

    Weights of `stem` that were there before are replaced. A tensor above `limit` gets its own shard.

    Raises:
        DiskError: the files cannot be written.
    """
    shards: list[dict[str, Tensor]] = [{}]
    room = limit
    for name, value in tensors.items():
        if value.nbytes > room and shards[-1]:
            shards.append({})
            room = limit
        shards[-1][name] = value.detach().cpu().contiguous()
        room -= value.nbytes
    n = len(shards)
    names = (
        [f"{stem}-{i + 1:05d}-of-{n:05d}.safetensors" for i in range(n)] if n > 1 else [f"{stem}.safetensors"]
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in [*folder.glob(f"{stem}*.safetensors"), *folder.glob(f"{stem}.safetensors.index*.json")]:
            old.unlink()
        for name, shard in zip(names, shards, strict=True):
            part = folder / f"{name}.part"
            save_file(shard, part, metadata={"format": "pt"})
            part.chmod(0o644)  # the library leaves it readable by its owner alone
            os.replace(part, folder / name)
        if n > 1:
            _write_index(folder / f"{stem}.safetensors.index.json", names, shards)
    except OSError as error:
        raise DiskError(f"`{folder}` cannot be written: {error.strerror or error}") from error
    return [folder / name for name in names]


def _write_index(path: Path, names: list[str], shards: list[dict[str, Tensor]]) -> None:
    places = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
    total = sum(value.nbytes for shard in shards for value in shard.values())
    content = {"metadata": {"total_size": total}, "weight_map": places}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
