"""Class models by name: those inside the package and those an operator adds; read without torch.

A model's folder holds run.json (configuration, picture shape, class names; for an embedded one also `about`:
title, data set, licence, and `ru`, title and class names in Russian), its weights, and for an embedded one
README.md, its card.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from palitra.errors import ComposeError, InputError, ModelNotFoundError
from palitra.spec.classes import ALL, MOST_PICTURES, ClassesParams
from palitra.zoo.config import build_config

EMBEDDED: Final = Path(__file__).parents[1] / "weights" / "zoo"
WEIGHTS: Final = ("model.safetensors", "best.safetensors", "last.safetensors")
"""Of an embedded model, then of a run: the first that is there is drawn with."""


@dataclass(frozen=True)
class ClassModel:
    """What is known of a class model before it is loaded.

    architecture: its name in the zoo. shape: (channels, height, width). classes: empty for a model that knows
    none. takes: which of truncation, guidance and steps it has. size: of the weights in bytes. russian: the
    title and the class names, by their English ones, as far as they are told. guidance: its own weight, taken
    where none is asked for.
    """

    name: str
    title: str
    data: str
    licence: str
    architecture: str
    folder: Path
    weights: Path
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    takes: tuple[str, ...]
    size: int
    russian: Mapping[str, str] = field(default_factory=dict)
    guidance: float = 0.0

    @property
    def choices(self) -> tuple[str, ...]:
        """What `label` may be."""
        return (ALL, *self.classes)

    @property
    def card(self) -> str:
        """The model card in Markdown; empty where there is none."""
        path = self.folder / "README.md"
        return path.read_text("utf-8") if path.is_file() else ""

    def asked(self, label: str) -> tuple[str, ...]:
        """The classes that `label` means; ("",) for a model without classes.

        Raises:
            InputError: the model has no class of that name.
        """
        if label in self.classes:
            return (label,)
        if label != ALL:
            few = ", ".join(self.choices[:20]) + (", …" if len(self.choices) > 20 else "")
            raise InputError(f"`label` must be one of {few}, got {label[:80]}")
        return self.classes or ("",)

    def completed(self, params: ClassesParams) -> ClassesParams:
        """The wish with this model's own weight of the class where it names none."""
        if params.guidance is not None or not self.guidance:
            return params
        return params.model_copy(update={"guidance": self.guidance})

    def check(self, params: ClassesParams) -> None:
        """Raise `InputError` or `ComposeError` for what this model cannot do or what is too much."""
        asked = self.asked(params.label)
        if params.n * len(asked) > MOST_PICTURES:
            most = MOST_PICTURES // len(asked)
            raise InputError(f"`n` must be at most {most} for {len(asked)} classes, got {params.n}")
        for dial in ("truncation", "guidance", "steps"):
            if getattr(params, dial) is not None and dial not in self.takes:
                raise ComposeError(f"`{dial}` cannot be combined with `model {self.name}`: it has none")


def read_class_model(folder: Path, name: str | None = None) -> ClassModel:
    """A folder's model; its name is the folder's unless told.

    Raises:
        InputError: no run there, or a damaged run.json.
        ModelNotFoundError: no weights there.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(f"`run` must be a folder made by `palitra zoo train`, got {folder}")
    weights = next((folder / file for file in WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise ModelNotFoundError(f"`run` must hold trained weights ({', '.join(WEIGHTS)}), got {folder}")
    try:
        told = json.loads(path.read_text("utf-8"))
        config = build_config(told["config"])
        channels, height, width = (int(side) for side in told["shape"])
        names = tuple(str(each) for each in told["names"])
        about: Mapping[str, Any] = told.get("about", {})
        title = str(about.get("title") or f"{config.model}, {height} px")
        russian = _russian(about.get("ru", {}), title, names)
        guidance = float(about.get("guidance", 0))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"`run` must have a whole run.json, got {path}") from error
    takes: tuple[str, ...] = ("truncation",)
    if config.family == "diffusion":
        hidden = getattr(config.loss, "label_dropout", 0) > 0 and config.conditioning.kind != "none"
        takes = ("guidance", "steps") if hidden else ("steps",)
    return ClassModel(
        name=name or folder.resolve().name,
        title=title,
        data=str(about.get("data", "")),
        licence=str(about.get("licence", "")),
        architecture=config.model,
        folder=folder,
        weights=weights,
        shape=(channels, height, width),
        classes=() if config.conditioning.kind == "none" else names,
        takes=takes,
        size=weights.stat().st_size,
        russian=russian,
        guidance=guidance if "guidance" in takes else 0.0,
    )


def _russian(told: Mapping[str, Any], title: str, names: Sequence[str]) -> Mapping[str, str]:
    words = dict(zip(names, map(str, told.get("names", ())), strict=False))
    return words | ({title: str(told["title"])} if "title" in told else {})


def class_models(added: Sequence[Path] = (), embedded: Path = EMBEDDED) -> dict[str, ClassModel]:
    """Every class model by name, added ones first: who added one wants it; of one name the last added counts.

    Raises:
        InputError, ModelNotFoundError: an added folder holds no trained run.
    """
    inside = sorted(path.parent for path in embedded.glob("*/run.json"))
    own = {model.name: model for model in map(read_class_model, added)}
    shipped = {model.name: model for model in map(read_class_model, inside)}
    return own | {name: model for name, model in shipped.items() if name not in own}


def find_class_model(name: str | Path, models: Mapping[str, ClassModel] | None = None) -> ClassModel:
    """A class model by its name, or by its folder.

    Raises:
        ModelNotFoundError: neither a known name nor a folder; tells the names.
        InputError: a folder that holds no trained run.
    """
    known = class_models() if models is None else models
    if str(name) in known:
        return known[str(name)]
    if models is None and Path(name).is_dir():
        return read_class_model(Path(name))
    names = ", ".join(known) or "none yet: train one with `palitra zoo train`"
    raise ModelNotFoundError(f"`model` must be one of {names}, got {str(name)[:80]}")
