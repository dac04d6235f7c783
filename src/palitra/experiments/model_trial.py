"""One model of the zoo at equal processor time: trained, measured, with a sheet and its curve.

Several experiments are lists of these; what differs is in the trial's settings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from palitra.experiments.data_sets import SetName, read_splits
from palitra.experiments.equal_time import Trained, train_for
from palitra.experiments.kept import shared_lock
from palitra.experiments.trial import Findings, Place, Scope, Trial
from palitra.zoo.class_agreement import kept_judge
from palitra.zoo.drawing import draw_pictures
from palitra.zoo.families.diffusion import Diffusion
from palitra.zoo.families.family import Drawing, Family
from palitra.zoo.families.make import parameter_count
from palitra.zoo.labelled_images import LabelledImages
from palitra.zoo.models import preset
from palitra.zoo.run_folder import load_model
from palitra.zoo.sheets import class_sheet, write_sheet
from palitra.zoo.yardstick import Yardstick, chosen_extractor

PICTURES = 5000
TINY_PICTURES = 8
TINY_STEPS = 4
ROW = 20
JUDGE = 400_000
"""Pictures the classifier sees in its training."""


def extractor_name(scope: Scope) -> str:
    """Of the extractor all trials are measured with: eye where it is embedded, else random."""
    return "random" if scope.tiny else chosen_extractor(None).name


def model_trial(
    scope: Scope,
    name: str,
    seed: int,
    set_name: SetName,
    model: str,
    extractor: str,
    changes: Sequence[str] = (),
    **more: Any,
) -> Trial:
    """A trial whose settings `train_and_measure` understands; `more` are kept with them."""
    size = "tiny" if scope.tiny else "small"
    settings = {
        "set": set_name,
        "model": model,
        "preset": size,
        "changes": list(changes),
        # presets may be tuned: trials of older values are not mixed with new ones
        "config": preset(model, size, changes).model_dump(mode="json"),
        "minutes": scope.budget,
        "pictures": TINY_PICTURES if scope.tiny else PICTURES,
        "extractor": extractor,
        "tiny": scope.tiny,
        # what an experiment says last counts
        **more,
    }
    return Trial(name, seed, settings)


def trained(trial: Trial, place: Place, train: LabelledImages) -> Trained:
    """The training of a trial, gone on with or already done."""
    s = trial.settings
    return train_for(place, train, s["model"], s["preset"], s["changes"], trial.seed, s["minutes"], s["tiny"])


def yardstick_of(trial: Trial, place: Place, train: LabelledImages, test: LabelledImages) -> Yardstick:
    """The real side: test pictures as the reference, the classifier and features kept for all trials."""
    tiny = trial.settings["tiny"]
    with shared_lock(place.shared, "yardstick"):
        judge = kept_judge(
            place.shared, train, test, 640 if tiny else JUDGE, on_step=lambda step, steps: place.clock.tick()
        )
        extractor = chosen_extractor(trial.settings["extractor"])
        return Yardstick(test, extractor, train, judge, place.shared, tick=lambda count: place.clock.tick())


def trained_precision(model: Family) -> torch.autocast:
    """For diffusion, which calls its network fifty times a picture: bf16, as in training, costs half."""
    low = model.config.training.bf16 and isinstance(model, Diffusion)
    return torch.autocast(next(model.parameters()).device.type, torch.bfloat16, enabled=low)


def train_and_measure(trial: Trial, place: Place) -> Findings:
    """Train, draw, hold against the test pictures; everything a table of models shows."""
    train, test = read_splits(place.data, trial.settings["set"], trial.settings["tiny"])
    done = trained(trial, place, train)
    model, _ = load_model(done.folder, "best")
    yardstick = yardstick_of(trial, place, train, test)
    tiny = trial.settings["tiny"]
    options = Drawing()
    if isinstance(model, Diffusion) and model.config.loss.kind != "edm":
        # as the first trials were drawn; DPM-Solver++, the default elsewhere, came later
        options = Drawing(sampler="ddim", steps=50)
    if tiny and isinstance(model, Diffusion):
        options = Drawing(steps=TINY_STEPS)
    with trained_precision(model):
        drawn = yardstick.draw(
            model,
            trial.settings["pictures"],
            1_000_000 * (trial.seed + 1),
            options,
            tick=lambda count: place.clock.tick(),
        )
    found = yardstick.measure(drawn)
    write_sheet(
        place.folder / "sheet.png", class_sheet(model, 2 if tiny else 10, options=options), 2 if tiny else 10
    )
    write_sheet(place.folder / "row.png", _row(model, 2 if tiny else ROW, options), 2 if tiny else ROW)
    numbers: dict[str, float | None] = {
        **found.scores,
        "agreement": found.agreement,
        "milliseconds_per_picture": 1000 * drawn.seconds_per_picture,
        "parameters": parameter_count(model),
        "images": done.images,
        "minutes": done.minutes,
        "milliseconds_per_step": 1000 * done.seconds_per_step,
    }
    return Findings(
        numbers,
        f"{_training(trial)}; its best checkpoint by a quick distance to training pictures; {found.protocol}",
        {"quick_distance": curve(done.folder)},
        {"sheet": "sheet.png", "row": "row.png"},
    )


def curve(run: Path) -> list[list[float]]:
    """Pictures seen and quick distance at each scoring of a run; the last word on a step counts."""
    path = run / "scores.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    points = {s["images"]: s["quick_distance"] for s in map(json.loads, lines)}
    return [[images, points[images]] for images in sorted(points)]


def _training(trial: Trial) -> str:
    s = trial.settings
    return (
        f"presets `{s['preset']}` on {s['set']} at 32 px, {s['minutes']:g} minutes of processor time of one "
        f"thread for each training, steps timed before it"
    )


def _row(model: Family, count: int, options: Drawing | None) -> torch.Tensor:
    labels = torch.arange(count) % model.classes if model.classes else None
    return torch.cat(list(draw_pictures(model, labels, count, 0, options)))
