"""Downloads a model folder from the Hugging Face hub and checks every weight file.

Weights are fetched in float16 where the repository has both: half the bytes, and they load in any
format afterwards.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from palitra.errors import DiskError, ModelNotFoundError, WeightsError
from palitra.models.weights import FileHashes, read_weights, shown

PARTS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
}
TEXT_FOLDERS = ("tokenizer", "scheduler")
_DISK_FAULTS = (
    errno.ENOSPC,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EFBIG,
)


@dataclass(frozen=True)
class HubFile:
    """A file of a repository; `sha256` (hex) is known for large files."""

    name: str
    bytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class Repository:
    """The files of one commit."""

    hub_id: str
    commit: str
    files: tuple[HubFile, ...]


class Hub(Protocol):
    """What a download asks of a hub; network faults come as OSError."""

    def look(self, hub_id: str, revision: str | None) -> Repository:
        """List a repository at a commit, or at its newest.

        Raises:
            ModelNotFoundError: the hub has no such repository, or wants a login for it.
        """
        ...

    def fetch(self, repository: Repository, names: Sequence[str], folder: Path) -> None:
        """Put the named files into the folder, as they lie in the repository."""
        ...


class HuggingFaceHub:
    """The real hub, through huggingface_hub (which honours HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE)."""

    def look(self, hub_id: str, revision: str | None) -> Repository:
        """One request for names, sizes and hashes."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import (
            GatedRepoError,
            HFValidationError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        try:
            info = HfApi().model_info(hub_id, revision=revision, files_metadata=True, timeout=20)
        except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
            raise ModelNotFoundError(
                f"`model` must be a repository that the hub shows without a login, got {hub_id}"
            ) from error
        except Exception as error:
            raise _as_os_error(error) from error
        files = tuple(
            HubFile(f.rfilename, int(f.size or 0), f.lfs.sha256 if f.lfs else None)
            for f in info.siblings or ()
        )
        return Repository(hub_id, str(info.sha), files)

    def fetch(self, repository: Repository, names: Sequence[str], folder: Path) -> None:
        """Resumes what an earlier attempt left."""
        from huggingface_hub import snapshot_download

        try:
            snapshot_download(
                repository.hub_id, revision=repository.commit, allow_patterns=list(names), local_dir=folder
            )
        except Exception as error:
            raise _as_os_error(error) from error


def _as_os_error(error: Exception) -> OSError:
    """One kind for network faults: the hub's client lets those of its HTTP library through.

    Raises:
        Exception: the error itself, when no network is to blame.
    """
    if isinstance(error, OSError):
        return error
    library = type(error).__module__.split(".")[0]
    if library in ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"):
        return ConnectionError(str(error))
    raise error


def download(hub: Hub, hub_id: str, revision: str | None, folder: Path, by_hand: str) -> Path:
    """Fetch configs, vocabularies and safetensors of a repository into `folder` and check them.

    `by_hand` is said when the hub cannot be reached: which files to put where.

    Raises:
        ModelNotFoundError: no such repository, or no network.
        WeightsError: no safetensors, or a file did not arrive whole.
        DiskError: the folder cannot be written.
    """
    try:
        repository = hub.look(hub_id, revision)
        names = choose_files(repository)
        folder.mkdir(parents=True, exist_ok=True)
        hub.fetch(repository, names, folder)
    except OSError as error:
        if error.errno in _DISK_FAULTS:
            raise DiskError(f"`{folder}` cannot be written: {error.strerror or error}") from error
        raise ModelNotFoundError(f"the hub cannot be reached for {hub_id}: {by_hand}") from error
    check_files(folder, {f.name: f for f in repository.files if f.name in names})
    return folder


def fetch_files(
    hub: Hub,
    hub_id: str,
    revision: str | None,
    wanted: Sequence[HubFile],
    folder: Path,
    by_hand: str,
) -> dict[str, HubFile]:
    """Fetch named files into `folder`; returns what they must be, a hash in `wanted` before the hub's.

    Raises:
        ModelNotFoundError: no such repository, or no network; `by_hand` says what to do instead.
        WeightsError: the repository lacks a file.
        DiskError: the folder cannot be written.
    """
    try:
        repository = hub.look(hub_id, revision)
        held = {f.name: f for f in repository.files}
        for file in wanted:
            if file.name not in held:
                raise WeightsError(f"`model` must have {file.name}, and {hub_id} has not")
        folder.mkdir(parents=True, exist_ok=True)
        hub.fetch(repository, [f.name for f in wanted], folder)
    except OSError as error:
        if error.errno in _DISK_FAULTS:
            raise DiskError(f"`{folder}` cannot be written: {error.strerror or error}") from error
        raise ModelNotFoundError(f"the hub cannot be reached for {hub_id}: {by_hand}") from error
    return {f.name: f if f.sha256 else held[f.name] for f in wanted}


def choose_files(repository: Repository) -> list[str]:
    """The files to fetch: every part's config and weights, float16 before float32, and the texts.

    Raises:
        WeightsError: a part has no safetensors (only pickled files), or is missing.
    """
    have = {f.name for f in repository.files}
    chosen = [n for n in have if n == "model_index.json" or _is_text(n)]
    for part, stem in PARTS.items():
        config = f"{part}/config.json"
        weights = _weights_of(have, f"{part}/{stem}")
        if config not in have or not weights:
            raise WeightsError(
                f"`model` must have {part}/{stem}.safetensors and {config}, and {repository.hub_id} has not"
            )
        chosen += [config, *weights]
    return sorted(chosen)


def _is_text(name: str) -> bool:
    folder, _, file = name.partition("/")
    return folder in TEXT_FOLDERS and "/" not in file and file.endswith((".json", ".txt"))


def _weights_of(have: set[str], stem: str) -> list[str]:
    for variant in (".fp16", ""):
        if f"{stem}{variant}.safetensors" in have:
            return [f"{stem}{variant}.safetensors"]
        index = f"{stem}.safetensors.index{variant}.json"
        shards = [n for n in have if n.startswith(f"{stem}-") and n.endswith(f"{variant}.safetensors")]
        if variant == "":
            shards = [n for n in shards if n.count(".") == 1]
        if index in have and shards:
            return [index, *shards]
    return []


def check_files(folder: Path, files: Mapping[str, HubFile]) -> None:
    """Compare what arrived with what the hub records: presence, size, SHA-256, and safetensors content.

    Raises:
        WeightsError: a file differs; it is removed, so that the next attempt fetches it again.
    """
    hashes = FileHashes()
    for name, file in files.items():
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"`{shown(path)}` did not arrive: pull again")
        same = path.stat().st_size == file.bytes or not file.bytes
        if same and file.sha256 is not None:
            same = hashes.sha256(path) == file.sha256
        if not same:
            path.unlink()
            raise WeightsError(f"`{shown(path)}` did not arrive whole: pull again")
        if name.endswith(".safetensors"):
            read_weights(path)
