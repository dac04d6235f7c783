"""Training for equal processor time: a model's steps are timed, then its budget of pictures is fixed.

Schedules count pictures, so that warm-up and decay fit the budget. The first measurement is kept: a trial
that goes on trains for the same number of pictures.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from palitra.errors import InputError
from palitra.experiments.processor_time import ProcessorClock
from palitra.experiments.trial import Place
from palitra.zoo.config import ZooConfig
from palitra.zoo.labelled_images import LabelledImages
from palitra.zoo.models import preset
from palitra.zoo.run_folder import RunCard
from palitra.zoo.trainer import Trainer

SECONDS = 5.0
SAVES = 10
TINY_IMAGES = 64


@dataclass(frozen=True)
class Trained:
    """A finished training: its run folder, the model's step time, pictures seen, minutes it took."""

    folder: Path
    config: ZooConfig
    seconds_per_step: float
    images: int
    minutes: float


def train_for(
    place: Place,
    data: LabelledImages,
    model: str,
    size: str,
    changes: Sequence[str],
    seed: int,
    minutes: float,
    tiny: bool = False,
) -> Trained:
    """Train a preset of the zoo with `changes` for minutes of processor time, going on where it was.

    Raises:
        PalitraError: the training broke down; its sentence names the term.
    """
    own = [*changes, f"training.seed={seed}"]
    if tiny:
        own += [f"training.images={TINY_IMAGES}", "training.batch=16"]
        plan: dict[str, float] = {"seconds_per_step": 0.0, "images": TINY_IMAGES}
    else:
        plan = _plan(place.folder / "budget.json", data, preset(model, size, own), minutes)
    images = int(plan["images"])
    every = images if tiny else max(1, images // SAVES)
    rhythm = [f"training.images={images}", f"training.save_every={every}", f"training.score_every={every}"]
    config = preset(model, size, [*own, *rhythm])
    run = place.folder / "run"
    trainer = Trainer(RunCard(config, data.shape, data.names), data, run)
    spent = ProcessorClock(place.folder / "training_time.json")

    def on_step(step: int, numbers: dict[str, float]) -> None:
        spent.tick()
        place.clock.tick()

    # a finished one only fits again what is fitted at the end, in case it was killed there
    trainer.train(on_step=on_step)
    spent.keep()
    return Trained(run, config, plan["seconds_per_step"], images, spent.seconds / 60)


def rounded(count: float, least: int) -> int:
    """Two digits, so that small noise of a measurement does not show; at least `least`."""
    if count <= least:
        return least
    unit = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return max(least, round(count / unit) * unit)


def seconds_of_step(data: LabelledImages, config: ZooConfig, seconds: float = SECONDS) -> float:
    """Processor time of a training step, over whole cycles of what is done every few steps."""
    cycle = config.regularisers.lazy_every
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(RunCard(config, data.shape, data.names), data, Path(folder))
        trainer.one_step()
        count, began = 0, time.process_time()
        while count == 0 or time.process_time() - began < seconds:
            for _ in range(cycle):
                trainer.one_step()
            count += cycle
        return (time.process_time() - began) / count


def _plan(path: Path, data: LabelledImages, config: ZooConfig, minutes: float) -> dict[str, float]:
    if path.is_file():
        try:
            kept: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
            return {"seconds_per_step": float(kept["seconds_per_step"]), "images": int(kept["images"])}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"`out` must hold undamaged trials, got {path}: remove its folder") from error
    step = seconds_of_step(data, config)
    per_step = config.training.batch * config.training.discriminator_steps
    plan = {"seconds_per_step": step, "images": rounded(60 * minutes / step * per_step, per_step)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(plan), encoding="utf-8")
    os.replace(part, path)
    return plan
