"""A model of the zoo, trained on the training rows alone, that draws pictures of one class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from palitra.core.rng import MAX_SEED
from palitra.errors import check_range
from palitra.zoo.config import ZooConfig
from palitra.zoo.drawing import draw_pictures
from palitra.zoo.families.family import Drawing, Family
from palitra.zoo.labelled_images import LabelledImages
from palitra.zoo.models import preset
from palitra.zoo.run_folder import RunCard, load_model
from palitra.zoo.trainer import Trainer


@dataclass(frozen=True)
class GeneratorChoice:
    """A model of the zoo by name and preset, with `part.field=value` changes.

    evenness: 0 shows classes as often as the data have them, 1 equally often (rare rows repeat). guidance
    and steps are for diffusion models. which: `best` or `last`.
    """

    model: str = "cvae"
    preset: str = "small"
    changes: tuple[str, ...] = ()
    evenness: float = 0.5
    guidance: float | None = None
    steps: int | None = None
    which: str = "last"

    def config(self, seed: int) -> ZooConfig:
        """The validated configuration.

        Raises:
            ModelNotFoundError: an unknown model or preset.
            InputError: a change or the evenness out of bounds.
            ComposeError: choices that cannot work together.
        """
        check_range("evenness", self.evenness, 0, 1)
        return preset(self.model, self.preset, (*self.changes, f"training.seed={seed}"))


class Generator:
    """Draws uint8 pictures by class; a picture depends on its own seed alone."""

    def __init__(self, models: list[Family], choice: GeneratorChoice) -> None:
        self.models, self.options = models, Drawing(guidance=choice.guidance, steps=choice.steps)

    def draw(self, label: int, count: int, seed: int) -> Tensor:
        """`count` pictures of a class with the seeds from `seed` on, uint8 (N, C, H, W)."""
        model = self.models[label % len(self.models)]
        labels = torch.full((count,), label) if model.classes else None
        drawn = torch.cat(list(draw_pictures(model, labels, count, seed % MAX_SEED, self.options)))
        return ((drawn.clamp(-1, 1) + 1) * 127.5).round().byte()


def train_generator(
    train: LabelledImages, choice: GeneratorChoice, folder: Path, seed: int, device: torch.device
) -> Generator:
    """Train (or go on) in `folder`; a model without classes is trained once for each class.

    Raises:
        InputError, ModelNotFoundError, ComposeError: a bad choice.
        WeightsError: `folder` holds a run of another configuration.
        PalitraError: the training broke down; says at which term.
    """
    config = choice.config(seed)
    if config.conditioning.kind == "none":
        parts = [(train.rows((train.labels == k).nonzero()[:, 0]), str(k)) for k in range(len(train.names))]
    else:
        parts = [(train.rows(even_rows(train.labels, choice.evenness)), "all")]
    models = []
    for part, name in parts:
        run = folder / name
        Trainer(RunCard(config, part.shape, part.names), part, run, device).train()
        models.append(load_model(run, choice.which, device)[0])
    return Generator(models, choice)


def even_rows(labels: Tensor, evenness: float) -> Tensor:
    """Rows in which class k is shown about n_k (n_max / n_k)^evenness times: each row once, then again."""
    counts = torch.bincount(labels)
    most = int(counts.max())
    kept = []
    for k, count in enumerate(counts.tolist()):
        rows = (labels == k).nonzero()[:, 0]
        wanted = round(count * (most / count) ** evenness) if count else 0
        kept.append(rows[torch.arange(wanted) % max(1, count)])
    return torch.cat(kept)
