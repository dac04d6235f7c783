"""How metric weights get here: where they belong, by download, or converted from pickled files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from palitra.errors import DiskError, InputError, ModelNotFoundError
from palitra.models.hub import Hub, check_files, fetch_files
from palitra.models.metric_weights import METRIC_WEIGHTS, TEXTS, MetricWeights, find_metric_weights
from palitra.models.torch_checkpoint import read_checkpoint
from palitra.models.weights import FileHashes, save_weights, shown
from palitra.models.zoo import home


def place_of(weights: MetricWeights, root: Path | None = None) -> Path:
    """The file or folder where they belong, there or not."""
    folder = (root or home()) / "models" / weights.name
    return folder if weights.folder else folder / f"{weights.name}.safetensors"


def is_here(weights: MetricWeights, path: Path) -> bool:
    """Whether that path holds them."""
    if not weights.folder:
        return path.is_file()
    return all((path / name).is_file() for name in TEXTS) and any(path.glob("*.safetensors"))


def located(name: str, given: Path | None = None, field: str = "extractor") -> Path:
    """The path of known weights, `given` before the home folder.

    Raises:
        ModelNotFoundError: they are not here; the sentence says how to get them and where they belong.
    """
    weights = find_metric_weights(name)
    assert weights is not None, f"no weights are called {name}"
    path = given or place_of(weights)
    if is_here(weights, path):
        return path
    raise ModelNotFoundError(f"`{field}` {name} is not on this machine: {how_to_get(weights, path)}")


def how_to_get(weights: MetricWeights, path: Path) -> str:
    """The ways to weights that are not here, in one clause."""
    ways = []
    if weights.hub:
        ways.append(f"run `palitra models pull {weights.name}` ({weights.megabytes} MB)")
    if weights.pickled:
        files = " ".join(p.name for p in weights.pickled)
        ways.append(
            f"run `palitra models convert {files} --as {weights.name}` with the files of {weights.origin}"
        )
    what = (
        f"the folder with {', '.join(TEXTS)} and model.safetensors" if weights.folder else "the safetensors"
    )
    return ", or ".join([*ways, f"put {what} at {path}"])


def show_metric_weights(weights: MetricWeights) -> str:
    """Several lines on weights: origin, licence, size, files with their hashes."""
    path = place_of(weights)
    hub = weights.hub
    lines = [
        f"{weights.name}: {weights.title}",
        f"origin    {weights.origin}",
        f"licence   {weights.licence}",
        f"size      {weights.megabytes} MB",
        f"place     {path} ({'here' if is_here(weights, path) else 'not here'})",
    ]
    if hub:
        lines.append(f"hub       https://huggingface.co/{hub.hub_id} at {hub.revision or 'its newest'}")
        lines += [f"          {f.name} {f.sha256 or '(hash: as the hub records it)'}" for f in hub.files]
    lines += [f"pickled   {p.name} {p.sha256 or '(hash not known)'}" for p in weights.pickled]
    return "\n".join(lines)


def pull_metric_weights(name: str, hub: Hub, root: Path | None = None) -> Path:
    """Download known weights and check them against the recorded hash, else against the hub's.

    Raises:
        ModelNotFoundError: the hub cannot be reached, or has none of them.
        WeightsError: a file did not arrive whole or is another than the recorded one.
        DiskError: the folder cannot be written.
    """
    weights = find_metric_weights(name)
    assert weights is not None, f"no weights are called {name}"
    path = place_of(weights, root)
    if weights.hub is None:
        raise ModelNotFoundError(f"`model` {name} is on no hub in safetensors: {how_to_get(weights, path)}")
    folder = path if weights.folder else path.parent
    by_hand = how_to_get(weights, path)
    found = fetch_files(hub, weights.hub.hub_id, weights.hub.revision, weights.hub.files, folder, by_hand)
    check_files(folder, found)
    if not weights.folder:
        os.replace(folder / weights.hub.files[0].name, path)
    return path


@dataclass(frozen=True)
class Converted:
    """The safetensors file, its hash, and sentences on files that are not the published ones."""

    path: Path
    sha256: str
    notes: tuple[str, ...]


def convert_weights(
    files: Sequence[Path],
    name: str,
    root: Path | None = None,
    check: Callable[[Path], object] = lambda path: None,
) -> Converted:
    """Write the tensors of pickled files as one safetensors file, in the home folder.

    `check` is called with the new file before it takes its place, and raises where it is of another network.

    Raises:
        InputError: nobody knows the name, or the number of files is another.
        WeightsError: a file cannot be read without unpickling it, or two hold the same tensor.
        DiskError: the file cannot be written.
    """
    weights = find_metric_weights(name)
    able = [w for w in METRIC_WEIGHTS if w.pickled]
    if weights is None or weights not in able:
        raise InputError(f"`as` must be one of {', '.join(w.name for w in able)}, got {name}")
    if len(files) != len(weights.pickled):
        wanted = ", ".join(p.name for p in weights.pickled)
        raise InputError(f"`file` must be {len(weights.pickled)} for {name} ({wanted}), got {len(files)}")
    tensors: dict[str, Tensor] = {}
    hashes, notes = FileHashes(), []
    known = {p.sha256 for p in weights.pickled if p.sha256}
    for path in files:
        held = read_checkpoint(path)
        # the classifier of a trunk under LPIPS measures nothing
        tensors |= {
            k: v for k, v in held.items() if not (name.startswith("lpips") and k[:11] == "classifier.")
        }
        if known and hashes.sha256(path) not in known:
            notes.append(f"{shown(path)} is not the published file: its SHA-256 is {hashes.sha256(path)}")
    path = place_of(weights, root)
    with TemporaryDirectory(dir=_made(path.parent)) as part:
        (new,) = save_weights(Path(part), path.stem, tensors, limit=1 << 62)
        check(new)
        os.replace(new, path)
    return Converted(path, hashes.sha256(path), tuple(notes))


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"`{folder}` cannot be written: {error.strerror or error}") from error
    return folder
