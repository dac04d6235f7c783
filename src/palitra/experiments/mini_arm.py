"""One arm of the comparison of mini's recipes, trained for its processor time and exported.

Packs, tokenizers and first text towers are made once for all arms (`shared`); steps are timed before the
training, and the budget becomes a number of samples, so that warm-up, stages and decay fit it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from palitra.errors import InputError
from palitra.experiments.equal_time import rounded
from palitra.experiments.kept import shared_lock
from palitra.experiments.processor_time import ProcessorClock
from palitra.experiments.trial import Place, Trial
from palitra.train.autoencoder import AutoencoderConfig, train_autoencoder
from palitra.train.checkpoint import FILE as CHECKPOINT
from palitra.train.config import MiniConfig, from_values
from palitra.train.mini import MiniTrainer, train_mini
from palitra.train.mini_export import export_mini
from palitra.train.mini_prepare import Prepared, prepare_mini
from palitra.train.mini_stages import stages_of, total_steps
from palitra.train.text_tower import first_tower

CPU = torch.device("cpu")
TIMED = 3
SHEETS, SAVES = 4, 12
_OF_THE_PACK = ("size", "factor", "latent_channels", "captions", "vocab_size", "text_length")
_OF_THE_TOWER = ("text_width", "text_layers", "text_steps", "head_dim", "small_share", "seed")


@dataclass(frozen=True)
class TrainedArm:
    """An arm's exported model, its config with the samples of the budget, and what it cost in seconds."""

    model: Path
    config: MiniConfig
    prepared: Prepared
    milliseconds_per_sample: float
    minutes: float
    autoencoder_minutes: float


def train_arm(trial: Trial, place: Place) -> TrainedArm:
    """Train an arm for its minutes, going on from what lies in its folder.

    Settings: `config` (values of `MiniConfig`), `autoencoder` (of `AutoencoderConfig`, or None), `minutes`.

    Raises:
        InputError: the data is missing, or the kept plan is damaged.
        PalitraError: the training of the autoencoder broke down.
    """
    settings = trial.settings
    config = replace(from_values(MiniConfig, dict(settings["config"])), seed=trial.seed)
    autoencoder_minutes = 0.0
    if settings["autoencoder"] is not None:
        vae, autoencoder_minutes = _autoencoder(dict(settings["autoencoder"]), place)
        config = replace(config, vae=str(vae))
    prepared = _prepared(config, place, key=_key(config, settings["autoencoder"]))
    folder = place.folder / "run"
    _tower(config, place, folder)
    seconds = _timed(place.folder / "budget.json", prepared, config)
    samples = rounded(60 * settings["minutes"] / sum(seconds), config.batch)
    if settings["tiny"]:
        samples = 2 * config.batch * (1 + len(config.stages))
    config = replace(config, samples=samples)
    steps = total_steps(config)
    config = replace(config, sheet_every=math.ceil(steps / SHEETS), save_every=math.ceil(steps / SAVES))
    spent = ProcessorClock(place.folder / "training_time.json")
    model = place.folder / "model"
    if not model.is_dir():

        def tick(_step: int) -> None:
            spent.tick()
            place.clock.tick()

        trainer = train_mini(prepared, config, folder, CPU, on_step=tick)
        spent.keep()
        part = place.folder / "model.part"
        export_mini(trainer, part)
        os.replace(part, model)
        # three times the weights, and nothing goes on from it
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return TrainedArm(model, config, prepared, 1000 * sum(seconds), spent.seconds / 60, autoencoder_minutes)


def _key(config: MiniConfig, autoencoder: Any) -> str:
    """Name of what arms with equal pictures, code and words share."""
    said = {name: getattr(config, name) for name in _OF_THE_PACK}
    said |= {"small": config.small_share > 0, "autoencoder": autoencoder}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def _prepared(config: MiniConfig, place: Place, key: str) -> Prepared:
    # one code for all seeds: what a code can hold is another question than how well it is diffused
    with shared_lock(place.shared, f"mini-{key}"):
        made = prepare_mini(place.shared / f"mini-{key}", replace(config, seed=0), place.data)
    place.clock.tick()
    return made


def _tower(config: MiniConfig, place: Place, folder: Path) -> None:
    """Put the first text tower of these words and this seed into the run's folder.

    It learns from one code whatever the arm's own is: eight minutes less for each code, and a difference
    less between arms.
    """
    name = "text_tower.safetensors"
    if (folder / name).exists():
        return
    plain = replace(
        config,
        factor=8,
        latent_channels=64,
        vae="",
        stages=(),
        stages_until=(),
        stages_batch=(),
        align=0.0,
        balance=MiniConfig.balance,
    )
    key = _key(plain, None)
    said = json.dumps({n: getattr(plain, n) for n in _OF_THE_TOWER}, sort_keys=True)
    kept = place.shared / f"mini-{key}" / f"tower-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    with shared_lock(place.shared, f"mini-{kept.name}"):
        if not (kept / name).exists():
            first_tower(_prepared(plain, place, key), plain, kept)
    place.clock.tick()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    shutil.copyfile(kept / name, part)
    os.replace(part, folder / name)


def _autoencoder(values: dict[str, Any], place: Place) -> tuple[Path, float]:
    """The `vae/` folder of a KL autoencoder and the minutes its training took, made once for all arms."""
    config = from_values(AutoencoderConfig, values)
    said = json.dumps(asdict(config), sort_keys=True)
    folder = place.shared / f"autoencoder-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    with shared_lock(place.shared, folder.name):
        spent = ProcessorClock(folder / "training_time.json")
        if not (folder / "vae" / "config.json").is_file():
            train_autoencoder(config, folder, folder / "vae", place.data, CPU)
            spent.keep()
        return folder / "vae", spent.seconds / 60


def _timed(path: Path, prepared: Prepared, config: MiniConfig) -> list[float]:
    """Processor seconds a sample of the whole run costs in each stage: they sum up to a sample's cost.

    The first measurement is kept, so that a trial that goes on trains for the same number of samples.
    """
    if path.is_file():
        try:
            return [float(s) for s in json.loads(path.read_text(encoding="utf-8"))["seconds_per_sample"]]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"`out` must hold undamaged trials, got {path}: remove its folder") from error
    seconds = []
    # enough samples for every stage to have steps to be timed at
    probe = replace(config, samples=1000 * config.batch * (1 + len(config.stages)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = MiniTrainer(prepared, replace(probe, text_steps=0), Path(folder), CPU)
        shares = [b - a for a, b in zip((0, *probe.stages_until), (*probe.stages_until, 1), strict=True)]
        for stage, share in zip(stages_of(probe), shares, strict=True):
            trainer.step(stage.first)
            began = time.process_time()
            for i in range(TIMED):
                trainer.step(stage.first + 1 + i)
            seconds.append(share * (time.process_time() - began) / TIMED / stage.batch)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"seconds_per_sample": seconds}), encoding="utf-8")
    os.replace(part, path)
    return seconds
