"""Classes to pictures: a model of the zoo draws some of each, as single pictures and as one sheet."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor

from palitra.core.progress import Hooks, StepEvent
from palitra.core.rng import Noise
from palitra.data.labelled_sheet import Block, labelled_sheet
from palitra.errors import Cancelled, InputError
from palitra.models.device import choose_device, live_dtype
from palitra.recipes.generate import memory_words, seeds_of
from palitra.recipes.picture import Picture, Run
from palitra.spec.build import build
from palitra.spec.classes import ALL, ClassesParams
from palitra.version import __version__
from palitra.zoo.embedded import ClassModel, find_class_model
from palitra.zoo.families.diffusion import Diffusion
from palitra.zoo.families.family import Drawing, Family
from palitra.zoo.run_folder import load_model

CHUNK: Final = 50
"""Pictures drawn at once; always the same of one wish, so that a picture can be repeated bit for bit."""
OnStep = Callable[[int, int, Tensor], None]
"""Hears picture-steps done, their total, and the newest clean pictures (B, C, H, W) in [-1, 1]."""


@dataclass(frozen=True, eq=False)
class ClassGenerator:
    """A class model in memory."""

    about: ClassModel
    family: Family
    device: torch.device
    fingerprint: str

    def draw(self, label: str = ALL, n: int = 10, **params: Any) -> Run:
        """`n` pictures of a class or of each; `params` are the other fields of `ClassesParams`.

        Raises:
            InputError, ComposeError: what this model cannot do.
        """
        values = {"model": self.about.name, "label": label, "n": n, **params}
        return draw_classes(self, build(ClassesParams, values))

    def weigh(self) -> int:
        """Bytes of its parameters."""
        return sum(p.numel() * p.element_size() for p in self.family.parameters())


@dataclass(frozen=True)
class _Row:
    seed: int
    name: str
    number: int


def load_classes(model: str | Path | ClassModel, device: str = "auto") -> ClassGenerator:
    """Load a class model by name, by the folder of a run, or as the registry knows it.

    Raises:
        ModelNotFoundError: unknown; tells the names.
        WeightsError: damaged weights, or of another configuration.
    """
    about = model if isinstance(model, ClassModel) else find_class_model(model)
    where = choose_device(device)
    family, _ = load_model(about.folder, "best", where)
    with about.weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ClassGenerator(about, family, where, digest[:12])


def draw_classes(
    generator: ClassGenerator,
    params: ClassesParams,
    on_step: OnStep | None = None,
    on_picture: Callable[[Picture], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Run:
    """All pictures, class after class, then the sheet; `on_picture` sees each as soon as it is done.

    Single pictures have the model's own size, the kind "part" and their class as name; the sheet has the kind
    "sheet". In the run the sheet is first.

    Raises:
        InputError, ComposeError: what this model cannot do.
        Cancelled: asked, within one sampling step; pictures already told are finished.
        OutOfMemoryError: a chunk does not fit.
    """
    began = time.perf_counter()
    generator.about.check(params)
    params = generator.about.completed(params)
    rows = _rows(generator, params)
    told = on_picture or (lambda picture: None)
    parts: list[Picture] = []
    counted = _Counted(len(rows), on_step, cancelled)
    for chunk in _chunks(rows):
        for row, picture in zip(chunk, _draw(generator, params, chunk, counted), strict=True):
            part = Picture(_image(picture), row.seed, _recipe(generator, params, row), "part", row.name)
            parts.append(part)
            told(part)
    recipe = {**_recipe(generator, params, rows[0]), "sheet": True}
    sheet = Picture(_sheet(generator, rows, parts), params.seed, recipe, "sheet")
    told(sheet)
    seconds = time.perf_counter() - began
    name, device = generator.about.name, str(generator.device)
    return Run([sheet, *parts], seconds, counted.calls, counted.samples, name, device)


def repeat_picture(generator: ClassGenerator, recipe: dict[str, Any], params: ClassesParams) -> Picture:
    """The single picture or the sheet that carries `recipe`: the same bytes on the same machine.

    Raises:
        InputError: its seed is none of the wish's, or it was made with other weights.
    """
    if recipe.get("fingerprint") != generator.fingerprint:
        raise InputError(
            f"`file` was made with other weights of `{generator.about.name}` ({recipe.get('fingerprint')}), "
            f"these are {generator.fingerprint}"
        )
    if recipe.get("sheet"):
        return draw_classes(generator, params).pictures[0]
    generator.about.check(params)
    params = generator.about.completed(params)
    for chunk in _chunks(_rows(generator, params)):
        for i, row in enumerate(chunk):
            if row.seed == recipe.get("seed"):
                picture = _draw(generator, params, chunk, _Counted(len(chunk), None, None))[i]
                return Picture(_image(picture), row.seed, _recipe(generator, params, row), "part", row.name)
    raise InputError(f"`file` must carry a seed of its own wish, got {recipe.get('seed')}")


class _Counted:
    """Steps of all chunks as one count."""

    def __init__(self, pictures: int, on_step: OnStep | None, cancelled: Callable[[], bool] | None) -> None:
        self.pictures, self.on_step, self.cancelled = pictures, on_step, cancelled
        self.finished = self.calls = self.samples = 0

    def check(self) -> None:
        """Raise `Cancelled` if the wish is no longer wanted."""
        if self.cancelled and self.cancelled():
            raise Cancelled(f"stopped on request after {self.finished} of {self.pictures} pictures")

    def step(self, event: StepEvent) -> None:
        """A step of a sampler."""
        batch = len(event.x0)
        self._call(batch)
        if self.on_step and event.index + 1 < event.count:
            done = self.finished * event.count + batch * (event.index + 1)
            self.on_step(done, self.pictures * event.count, event.x0)

    def chunk(self, pictures: Tensor, steps: int) -> None:
        """A chunk is done."""
        if not steps:
            self._call(len(pictures))
        self.finished += len(pictures)
        if self.on_step:
            each = max(1, steps)
            self.on_step(self.finished * each, self.pictures * each, pictures)

    def _call(self, samples: int) -> None:
        self.calls, self.samples = self.calls + 1, self.samples + samples


def _rows(generator: ClassGenerator, params: ClassesParams) -> list[_Row]:
    classes = generator.about.asked(params.label)
    names = [name for name in classes for _ in range(params.n)]
    known = {name: i for i, name in enumerate(generator.about.classes)}
    seeds = seeds_of(params, len(names))
    return [_Row(seed, name, known.get(name, 0)) for seed, name in zip(seeds, names, strict=True)]


def _chunks(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


@torch.no_grad()
def _draw(
    generator: ClassGenerator, params: ClassesParams, rows: Sequence[_Row], counted: _Counted
) -> Tensor:
    """Pictures (B, C, H, W) in [-1, 1]."""
    counted.check()
    steps = 0

    def on_step(event: StepEvent) -> None:
        nonlocal steps
        steps = event.count
        counted.step(event)

    hooks = Hooks(on_step, counted.cancelled)
    options = Drawing(params.truncation, params.guidance, params.steps, hooks)
    labels = None
    if generator.about.classes:
        labels = torch.tensor([row.number for row in rows], device=generator.device)
    with memory_words(), _precision(generator):
        noise = Noise([row.seed for row in rows], generator.device)
        pictures = generator.family.draw(labels, noise, options).float().cpu()
    counted.chunk(pictures, steps)
    return pictures


def _precision(generator: ClassGenerator) -> torch.autocast:
    """bf16 for a diffusion that learned in it, where the device is faster so."""
    family, device = generator.family, generator.device
    low = isinstance(family, Diffusion) and family.config.training.bf16
    enabled = low and live_dtype(device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def _image(picture: Tensor) -> Image.Image:
    """(C, H, W) in [-1, 1] to a grey or a colour picture; other channel counts are shown by their mean."""
    values = ((picture.clamp(-1, 1) + 1) * 127.5).round().byte()
    if values.shape[0] == 3:
        return Image.fromarray(values.permute(1, 2, 0).numpy())
    return Image.fromarray(values.float().mean(0).byte().numpy())


def _sheet(generator: ClassGenerator, rows: Sequence[_Row], parts: Sequence[Picture]) -> Image.Image:
    blocks: dict[str, list[Image.Image]] = {}
    for row, part in zip(rows, parts, strict=True):
        blocks.setdefault(row.name, []).append(part.image)
    title = generator.about.title
    return labelled_sheet([Block(name, images) for name, images in blocks.items()], title)


def _recipe(generator: ClassGenerator, params: ClassesParams, row: _Row) -> dict[str, Any]:
    return {
        "palitra": __version__,
        "params": params.model_dump(exclude_none=True),
        "seed": row.seed,
        "class": row.name,
        "model": generator.about.name,
        "fingerprint": generator.fingerprint,
    }
