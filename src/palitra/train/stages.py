"""The embedded models in the order in which they are made: what each needs, reads and leaves behind.

A further model is one more line in `STAGES` and a function that calls its own training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from palitra.data.check_shards import Shard
from palitra.models.device import choose_dtype
from palitra.models.edge_predictor_files import save_edge_predictor
from palitra.models.sketch_adapter_files import save_sketch_adapter
from palitra.models.text_to_image import TextToImage, load_folder
from palitra.train import edges, eye_pack, upscale
from palitra.train.captioned import captioned_shards
from palitra.train.config import MiniConfig, SketchConfig, load_config
from palitra.train.drawing_pack import DrawingPack, read_drawings
from palitra.train.eye import train_eye
from palitra.train.eye_config import EyeConfig
from palitra.train.live import export_live, make_trainer, train_live
from palitra.train.live_config import DrawingConfig, LiveTraining, SketchAdapterTraining
from palitra.train.mini import train_mini
from palitra.train.mini_export import export_mini
from palitra.train.mini_prepare import prepare_mini
from palitra.train.sketch import train_sketch
from palitra.train.sketch_adapter import train_sketch_adapter
from palitra.train.sketch_triplets import read_triplets


@dataclass(frozen=True)
class Place:
    """Where all stages work: a folder each in `folder`, finished models under `folder/weights`.

    changes: settings by stage, each "key=value". smoke: the smallest networks and few steps, to see that
    everything fits together.
    """

    folder: Path
    data: Path
    device: torch.device
    changes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    smoke: bool = False

    @property
    def weights(self) -> Path:
        """Finished models, laid out as the package's own `weights/`."""
        return self.folder / "weights"


@dataclass(frozen=True)
class Stage:
    """One embedded model.

    Args:
        name: as its command is called.
        makes: its folder below `weights/`.
        settings: the class of its settings.
        train: called with the place, the settings, the stage's own folder and the folder to make; goes on
            from that folder's checkpoint.
        shards: what it reads.
        needs: stages whose models it works with.
        smoke: settings of a smoke run.
    """

    name: str
    makes: str
    settings: type[Any]
    train: Callable[[Place, Any, Path, Path], None]
    shards: tuple[Shard, ...]
    needs: tuple[str, ...] = ()
    smoke: tuple[str, ...] = ()

    def read_settings(self, place: Place) -> Any:
        """Its settings at this place.

        Raises:
            InputError: an unknown key or a value that does not fit.
        """
        changes = (*(self.smoke if place.smoke else ()), *place.changes.get(self.name, ()))
        return load_config(self.settings, None, changes)


def _edges(place: Place, settings: edges.EdgesConfig, run: Path, out: Path) -> None:
    edges.train_edges(settings, run, out, place.data, place.device)


def _eye(place: Place, settings: EyeConfig, run: Path, out: Path) -> None:
    train_eye(settings, run, out, place.data, place.device)


def _mini(place: Place, settings: MiniConfig, run: Path, out: Path) -> None:
    prepared = prepare_mini(run, settings, place.data)
    export_mini(train_mini(prepared, settings, run, place.device), out)


def _sketch(place: Place, settings: SketchConfig, run: Path, out: Path) -> None:
    model = load_folder(place.weights / "mini", place.device, choose_dtype(place.device), name="mini")
    pack = read_triplets(model, settings, run, place.data, place.weights / "edges")
    save_edge_predictor(out, train_sketch(model, pack, settings, run), settings.line_width)


def _model(place: Place) -> TextToImage:
    return load_folder(place.weights / "mini", place.device, torch.float32, name="mini")


def _drawings(place: Place, model: TextToImage, settings: DrawingConfig) -> DrawingPack:
    """One pack for both stages that learn from drawings; it goes with the run of the first."""
    folder, predictor = place.folder / "sketch-adapter" / "drawings", place.weights / "sketch" / "mini"
    return read_drawings(model, settings, folder, place.data, predictor, place.weights / "edges")


def _sketch_adapter(place: Place, settings: SketchAdapterTraining, run: Path, out: Path) -> None:
    model = _model(place)
    adapter = train_sketch_adapter(model, _drawings(place, model, settings), settings, run)
    save_sketch_adapter(out, adapter, settings.line_width, model.fingerprint)


def _live(place: Place, settings: LiveTraining, run: Path, out: Path) -> None:
    model = _model(place)
    pack, adapter = _drawings(place, model, settings), place.weights / "live" / "mini" / "adapter"
    export_live(train_live(make_trainer(model, pack, settings, adapter), run), out)


def _upscale(place: Place, settings: upscale.UpscaleConfig, run: Path, out: Path) -> None:
    code = upscale.autoencoder_of(place.weights / "mini")
    upscale.train_upscale(settings, code, run, out, place.data, place.device)


_SMOKE_DRAWINGS = ("pictures=16", "human_pictures=2", "human_steps=2")
STAGES = (
    Stage(
        "edges",
        "edges",
        edges.EdgesConfig,
        _edges,
        edges.SHARDS,
        smoke=("width=4", "head_width=3", "steps=4", "crop=32", "warmup=2", "save_every=2"),
    ),
    Stage(
        "eye",
        "eye",
        EyeConfig,
        _eye,
        eye_pack.SHARDS,
        smoke=(
            *("widths=[4, 8]", "sizes=[8, 12]", "sizes_from=[0, 0.5]", "embedding=6", "text_width=8"),
            *("cifar10=4", "pets=2", "pacs=2", "faces_video=1", "faces_lfw=1", "text_layers=1"),
            *("samples=40", "warmup=1", "save_every=2"),
        ),
    ),
    Stage(
        "mini",
        "mini",
        MiniConfig,
        _mini,
        captioned_shards("train"),
        smoke=(
            *("size=32", "channels=[32, 32, 32]", "head_dim=16", "latent_channels=4", "text_width=32"),
            *("text_layers=1", "text_steps=4", "vocab_size=560", "samples=32", "batch=8", "warmup=2"),
            *("sheet_every=1000", "save_every=2"),
        ),
    ),
    Stage(
        "sketch",
        "sketch/mini",
        SketchConfig,
        _sketch,
        captioned_shards("train"),
        ("edges", "mini"),
        ("steps=4", "batch=4", "pictures=16", "save_every=2"),
    ),
    Stage(
        "sketch-adapter",
        "live/mini/adapter",
        SketchAdapterTraining,
        _sketch_adapter,
        captioned_shards("train"),
        ("edges", "mini", "sketch"),
        (*_SMOKE_DRAWINGS, "samples=16", "batch=4", "warmup=1", "save_every=2"),
    ),
    Stage(
        "live",
        "live/mini/student",
        LiveTraining,
        _live,
        captioned_shards("train"),
        ("mini", "sketch-adapter"),
        (*_SMOKE_DRAWINGS, "samples=16", "batch=4", "warmup=1", "save_every=2", "rank=2"),
    ),
    Stage(
        "upscale",
        "upscale",
        upscale.UpscaleConfig,
        _upscale,
        upscale.SHARDS,
        ("mini",),
        ("width=4", "blocks=1", "steps=4", "batch=2", "save_every=2"),
    ),
)
