"""The one training loop: exact resume, averages, best and last, and a stop at the first bad number."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from palitra.core.rng import Noise
from palitra.errors import PalitraError, WeightsError
from palitra.train.ema import EMA
from palitra.train.progress import TrainingBar
from palitra.zoo.batches import Batches
from palitra.zoo.families.family import Drawing, Moment
from palitra.zoo.families.make import make_family
from palitra.zoo.labelled_images import LabelledImages, hide_labels, repeat_labelled
from palitra.zoo.optimisers import optimiser_tensors, restore_optimiser
from palitra.zoo.parallel import Parallel
from palitra.zoo.quick_distance import QuickDistance
from palitra.zoo.run_folder import CHECKPOINT, RunCard, metadata_of, write_card, write_tensors
from palitra.zoo.step_random import StepRandom, seeded

SCORED = 512
# diffusion draws a picture in many passes: scoring 512 of them ten times took as long as a short training
SCORED_STEPWISE = 128


class Trainer:
    """Trains one configuration in one folder; making it restores the folder's checkpoint.

    Raises:
        WeightsError: the folder holds a run of another configuration; says the first field that differs.
    """

    def __init__(
        self,
        config_card: RunCard,
        data: LabelledImages,
        folder: Path,
        device: torch.device | None = None,
        parallel: Parallel | None = None,
    ) -> None:
        self.card, self.config, self.folder = config_card, config_card.config, folder
        self.device, self.parallel = device or torch.device("cpu"), parallel or Parallel()
        self.training = self.config.training
        self.parallel.check(self.training.batch)
        self.card.check_same(folder)
        self.model = make_family(self.config, self.card.shape, len(self.card.names)).to(self.device)
        self.optimisers = self.model.optimisers()
        self.model.use(self.optimisers)
        self.ema = EMA(self.model.averaged(), self.training.ema)
        self.data = data
        shown, labelled = data, self.config.conditioning.labelled
        if labelled is not None:
            hidden = hide_labels(data.labels, labelled, len(data.names), self.training.seed)
            shown = repeat_labelled(replace(data, labels=hidden))
        self.batches = Batches(
            shown, self.training.batch, self.training.seed, self.training.flip, self.device
        )
        self.per_step = self.training.batch * self.model.batches_per_step
        self.step, self.best = 0, math.inf
        self._restore()

    @property
    def steps(self) -> int:
        """Steps of the whole budget."""
        return max(1, math.ceil(self.training.images / self.per_step))

    def train(
        self, until: int | None = None, on_step: Callable[[int, dict[str, float]], None] | None = None
    ) -> None:
        """Go on to step `until` (the whole budget when None), saving and scoring on the way.

        Raises:
            PalitraError: a term of the loss is no longer finite; the last good checkpoint is kept.
        """
        last = min(self.steps, until) if until is not None else self.steps
        if self.parallel.first:
            write_card(self.folder, self.card)
        distance = self._distance()
        bar = TrainingBar(self.config.model, self.steps, self.step, self.folder / "log.csv")
        with bar:
            while self.step < last:
                numbers = self.one_step()
                if self.parallel.first:
                    bar.advance(self.step - 1, **numbers)
                if on_step:
                    on_step(self.step, numbers)
                if self._due(self.training.score_every) or self.step == last:
                    self._score(distance, numbers)
                if self._due(self.training.save_every) or self.step == last:
                    self.save()
        if self.step >= self.steps and self.parallel.first:
            self._finish()

    def one_step(self) -> dict[str, float]:
        """One step; every term by name, checked."""
        per, seed = self.model.batches_per_step, self.training.seed
        rank, ranks = self.parallel.rank, self.parallel.ranks
        numbers = [self.step * per + i for i in range(per)]
        batches = [self.batches.at(n, rank, ranks) for n in numbers]
        randoms = [StepRandom(seed, n, self.training.batch, self.device, rank, ranks) for n in numbers]
        moment = Moment(
            self.step,
            self.step * self.per_step / self.training.images,
            self.parallel.average,
            self.parallel.mean,
        )
        self.model.train()
        with seeded(seed, self.step, self.device):
            terms = self.model.train_step(batches, randoms, moment)
        values = {name: float(value) for name, value in terms.items()}
        bad = next((name for name, value in values.items() if not math.isfinite(value)), None)
        if bad is not None:
            raise PalitraError(
                f"the training stopped at step {self.step}: the term {bad} became {values[bad]}; "
                f"the checkpoint before it is kept in {self.folder}"
            )
        self.ema.update(self.model.averaged(), self.step)
        self.step += 1
        return values

    def save(self) -> None:
        """Write the checkpoint and the last model."""
        if not self.parallel.first:
            return
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"ema.{i}": v for i, v in enumerate(self.ema.averages)}
        for name, optimiser in self.optimisers.items():
            tensors |= optimiser_tensors(name, optimiser)
        about = {"step": str(self.step), "best": repr(self.best)}
        write_tensors(self.folder / CHECKPOINT, tensors, about)
        self._write_model("last")

    def _write_model(self, which: str) -> None:
        self.ema.swap(self.model.averaged())
        try:
            write_tensors(
                self.folder / f"{which}.safetensors", self.model.state_dict(), {"step": str(self.step)}
            )
        finally:
            self.ema.swap(self.model.averaged())

    def _restore(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        try:
            tensors = load_file(path, device=str(self.device))
            about = metadata_of(path)
            self.model.load_state_dict(_below(tensors, "model."))
            for i, average in enumerate(self.ema.averages):
                average.copy_(tensors[f"ema.{i}"])
            for name, optimiser in self.optimisers.items():
                restore_optimiser(name, optimiser, tensors)
            self.step, self.best = int(about["step"]), float(about["best"])
        except (SafetensorError, KeyError, RuntimeError) as error:
            raise WeightsError(f"`run` must hold a whole checkpoint, got {path}") from error

    def _due(self, every: int) -> bool:
        seen = self.step * self.per_step
        return seen // every > (seen - self.per_step) // every

    def _distance(self) -> QuickDistance | None:
        if not self.parallel.first:
            return None
        generator = torch.Generator().manual_seed(1)
        rows = torch.randperm(len(self.data), generator=generator)[:SCORED]
        self._score_labels = self.data.labels[rows].to(self.device)
        return QuickDistance(self.data.images[rows].float() / 127.5 - 1)

    @torch.no_grad()
    def _score(self, distance: QuickDistance | None, numbers: dict[str, float]) -> None:
        if distance is None:
            return
        self.ema.swap(self.model.averaged())
        self.model.eval()
        try:
            asked = self._score_labels[: SCORED_STEPWISE if self._stepwise else SCORED]
            labels = asked if self.model.classes else None
            noise = Noise(range(len(asked)), self.device)
            options = Drawing(steps=10, sampler="ddim") if self._stepwise else Drawing()
            score = distance(self.model.draw(labels, noise, options))
        finally:
            self.ema.swap(self.model.averaged())
        line = {"step": self.step, "images": self.step * self.per_step, "quick_distance": score, **numbers}
        with (self.folder / "scores.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if score < self.best:
            self.best = score
            self._write_model("best")

    @property
    def _stepwise(self) -> bool:
        return self.config.family == "diffusion"

    def _finish(self) -> None:
        """Fit what is fitted once, into both kept models."""
        for which in ("best", "last"):
            path = self.folder / f"{which}.safetensors"
            if not path.exists():
                continue
            kept = {k: v.clone() for k, v in self.model.state_dict().items()}
            self.model.load_state_dict(load_file(path, device=str(self.device)))
            self.model.eval()
            self.model.finish(self.data.images, self.data.labels)
            write_tensors(path, self.model.state_dict(), metadata_of(path))
            self.model.load_state_dict(kept)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
