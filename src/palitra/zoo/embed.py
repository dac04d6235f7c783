"""From a trained run to a folder that is shipped: the networks that draw, in half the bytes, with a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palitra.errors import DiskError, InputError
from palitra.zoo.embedded import ClassModel, read_class_model
from palitra.zoo.families.family import Family
from palitra.zoo.families.make import parameter_count
from palitra.zoo.run_folder import RunCard, load_model, write_tensors

_CARD = """# {name}

{title}: {architecture} ({preset} preset) at {side} px, {parameters:,} parameters that draw, trained on
{seen:,} pictures seen of {data} (licence of the weights: {licence}).

Classes: {classes}.

Made by `palitra zoo train {architecture} …` and `palitra zoo embed`; weights in bfloat16. Draw with
`palitra classes {name}`. The numbers of its measurement belong here: distance to held-out pictures, class
agreement, and for what it is of no use.
"""


def embed_run(
    run: Path,
    folder: Path,
    *,
    title: str,
    data: str,
    licence: str,
    which: str = "best",
    guidance: float | None = None,
) -> ClassModel:
    """Write run.json, model.safetensors and README.md into `folder`; its name is the model's name.

    Parameters become bfloat16, buffers stay, and what only trains is left out. A card that is
    there is kept, and so are the Russian words (`ru`) and, if none is given, the weight of the class
    (`guidance`) of a run.json that is there.

    Raises:
        InputError: `run` is no trained run, or `folder` is `run`.
        DiskError: the place cannot be written.
    """
    if folder.resolve() == run.resolve():
        raise InputError(f"`folder` must be another place than the run, got {folder}")
    model, card = load_model(run, which)
    write_tensors(folder / "model.safetensors", drawing_tensors(model), {"format": "pt"})
    about = {"title": title, "data": data, "licence": licence}
    own = {} if guidance is None else {"guidance": guidance}
    described = {**card.to_json(), "about": {**about, **_kept_of(folder / "run.json"), **own}}
    told = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    try:
        (folder / "run.json").write_text(told, encoding="utf-8")
        if not (folder / "README.md").exists():
            (folder / "README.md").write_text(_card(folder.name, card, model, about), encoding="utf-8")
    except OSError as error:
        raise DiskError(f"`folder` must be a place that can be written, got {folder}: {error}") from error
    return read_class_model(folder)


def _kept_of(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text("utf-8"))["about"]
        return {name: about[name] for name in ("ru", "guidance") if name in about}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def drawing_tensors(model: Family) -> dict[str, Tensor]:
    """The state that pictures are drawn with; parameters in bfloat16."""
    parameters = dict(model.named_parameters())
    return {
        name: tensor.to(torch.bfloat16) if name in parameters else tensor
        for name, tensor in model.state_dict().items()
        if model.draws_with(name)
    }


def _card(name: str, card: RunCard, model: Family, about: dict[str, str]) -> str:
    drawing = [module for part, module in model.named_children() if model.draws_with(f"{part}.")]
    return _CARD.format(
        name=name,
        architecture=card.config.model,
        preset=card.config.preset,
        side=card.shape[1],
        parameters=sum(parameter_count(module) for module in drawing),
        seen=card.config.training.images,
        classes=", ".join(card.names) if model.classes else "none; it draws of everything",
        **about,
    )
