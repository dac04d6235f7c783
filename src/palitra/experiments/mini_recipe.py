"""Which recipe mini should be trained by: arms of one change each, at equal processor time from scratch."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from palitra.data.datasets import data_root
from palitra.data.images import to_image
from palitra.data.sheets import contact_sheet
from palitra.errors import InputError
from palitra.experiments.mini_arm import train_arm
from palitra.experiments.mini_scores import choose, draw, score
from palitra.experiments.page import compose, picture
from palitra.experiments.pictures import sheet_of
from palitra.experiments.table import by_name, mean_and_spread, percent, plain, values_of, whole
from palitra.experiments.trial import Findings, Kept, Place, Scope, Trial
from palitra.models.eye import load_eye
from palitra.train.autoencoder import AutoencoderConfig
from palitra.train.autoencoder_scores import reconstruction
from palitra.train.captioned import read_captioned
from palitra.train.config import MiniConfig, from_values

EACH, STEPS, SCALE = 48, 20, 4.0
SHOWN = 6

BASE: Mapping[str, Any] = {
    "channels": [64, 96, 128],
    "text_length": 24,
    "precondition": True,
    "warmup": 30,
    "ema": 0.99,
}
"""A third of the first embedded shape's work; short runs have a short warm-up and a short average."""
TINY: Mapping[str, Any] = {
    "size": 32,
    "factor": 4,
    "latent_channels": 4,
    "channels": [32, 32],
    "attention": [False, True],
    "head_dim": 16,
    "text_width": 32,
    "text_layers": 1,
    "text_steps": 2,
    "vocab_size": 560,
    "batch": 4,
    "warmup": 1,
    "bf16": False,
}


@dataclass(frozen=True)
class Arm:
    """A change from the base, and why it is worth its time; `autoencoder` trains a KL one for it."""

    name: str
    why: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    autoencoder: Mapping[str, Any] | None = None


# in the order of what they are expected to tell
ARMS = (
    Arm("base", "preconditioned v, cosine, 4x4 patch code, U-Net (64, 96, 128), windows of 24 tokens"),
    Arm("plain_v", "v without preconditioning, the first embedded mini's", {"precondition": False}),
    Arm(
        "patch8",
        "8x8 patch code, U-Net (96, 160), attention everywhere: cheaper steps",
        {"factor": 8, "latent_channels": 64, "channels": [96, 160], "attention": [True, True]},
    ),
    Arm(
        "stages",
        "60 % of the samples at 32 px, where a sample costs less than half, in batches twice as large",
        {"stages": [32], "stages_until": [0.6], "stages_batch": [128]},
    ),
    Arm("wide", "U-Net (96, 192, 288), the first embedded mini's", {"channels": [96, 192, 288]}),
    Arm("middle", "U-Net (64, 128, 192)", {"channels": [64, 128, 192]}),
    Arm(
        "flow",
        "rectified flow with logit-normal times, as SD3",
        {
            "precondition": False,
            "prediction": "flow",
            "schedule": "flow",
            "times": "logit_normal",
            "high_noise": 0.0,
        },
    ),
    Arm("align", "inner features pulled towards eye's (REPA), weight 0.5", {"align": 0.5}),
    Arm("cifar", "30 % of cats, dogs and horses from cifar10, said in words", {"small_share": 0.3}),
    Arm(
        "deep",
        "depth: two blocks a level",
        {"layers_per_block": 2},
    ),
    Arm("long_text", "windows of 77 tokens, as Stable Diffusion has", {"text_length": 77}),
    Arm("batch128", "half as many steps: the optimiser's share halves", {"batch": 128}),
    Arm("adamw", "AdamW at 3e-3 in place of Muon", {"optimizer": "adamw", "learning_rate": 3e-3}),
    Arm("muon3", "three Newton-Schulz steps instead of five", {"muon_iterations": 3}),
    Arm("even_times", "uniform times instead of 40 % in the last quarter", {"high_noise": 0.0}),
    Arm("min_snr", "min-SNR weights, gamma 5", {"weighting": "min_snr"}),
    Arm(
        "kl",
        "KL autoencoder of factor 8, 16 channels, trained for its own samples before",
        {"factor": 8, "channels": [96, 160], "attention": [True, True]},
        {"channels": [24, 48, 96, 96], "latent_channels": 16, "samples": 20_000},
    ),
    Arm("class_words", "captions of the class alone", {"captions": "class"}),
    Arm("domain_words", "captions of class and domain", {"captions": "domain"}),
    Arm("x0", "clean latents predicted", {"precondition": False, "prediction": "x0"}),
    Arm("eps", "noise predicted", {"precondition": False, "prediction": "eps"}),
    Arm("shifted", "cosine with the SNR four times as high, for small latents", {"shift": 0.5}),
    Arm("linear", "linear schedule with zero terminal SNR", {"schedule": "linear"}),
    Arm("unbalanced", "concepts as often as they occur", {"balance": 1.0}),
)
NUMBERS = ("fid@eye", "kid@eye", "agreement", "text", "domain")


@dataclass(frozen=True)
class MiniRecipe:
    """The experiment; `arms` may be fewer in a test."""

    arms: tuple[Arm, ...] = ARMS
    name: str = "mini_recipe"
    title: str = "Recipes of mini at equal processor time"
    seeds: int = 3
    budget: float = 18.0

    def trials(self, scope: Scope) -> Sequence[Trial]:
        """An arm and a seed each; the first seed of all before the second of any."""
        if not (scope.data / "pacs").is_dir():
            raise InputError(
                f"`data` must hold faces-video, pets, pacs and cifar10, got {scope.data.name or data_root()}"
            )
        return [
            Trial(arm.name, seed, self._settings(arm, scope))
            for seed in range(scope.seeds)
            for arm in self.arms
        ]

    def _settings(self, arm: Arm, scope: Scope) -> dict[str, Any]:
        values = {**BASE, **arm.changes, **(TINY if scope.tiny else {})}
        if scope.tiny and "stages" in values:
            values |= {"stages": [16], "stages_batch": [4]}
        config = asdict(from_values(MiniConfig, values))
        autoencoder = None
        if arm.autoencoder is not None:
            small = {"size": 32, "channels": [8, 8, 8], "latent_channels": 4, "samples": 8, "batch": 4}
            chosen = from_values(AutoencoderConfig, small if scope.tiny else dict(arm.autoencoder))
            autoencoder = asdict(chosen)
        return {
            "config": {k: v for k, v in config.items() if k not in ("seed", "samples", "vae")},
            "autoencoder": autoencoder,
            "minutes": scope.budget,
            "each": 1 if scope.tiny else EACH,
            "steps": 2 if scope.tiny else STEPS,
            "scale": SCALE,
            "tiny": scope.tiny,
        }

    def run(self, trial: Trial, place: Place) -> Findings:
        """Train, draw a picture for each chosen test picture's caption, and score them."""
        done, s = train_arm(trial, place), trial.settings
        eye = load_eye()
        test = read_captioned(place.data, "test", done.config.size)
        real = choose(test, s["each"])
        made = draw(done.model, real.captions, s["scale"], s["steps"], tick=place.clock.tick)
        found = score(eye, real, made, 20 if s["tiny"] else 200)
        known = choose(read_captioned(place.data, "train", done.config.size), s["each"])
        floor = score(eye, real, known.images[: len(made)], 0) if len(known.images) >= len(made) else {}
        code = reconstruction(done.prepared.autoencoder, real.images, eye)
        numbers: dict[str, float | None] = {name: one.value for name, one in found.items()}
        for name, one in found.items():
            if one.interval is not None:
                numbers |= {f"{name}_low": one.interval.low, f"{name}_high": one.interval.high}
        numbers |= {f"floor_{n}": floor[n].value for n in ("fid@eye", "kid@eye") if n in floor}
        numbers |= {
            "psnr": code.psnr,
            "lpips": code.lpips,
            "samples": done.config.samples,
            "milliseconds_per_sample": done.milliseconds_per_sample,
            "minutes": done.minutes,
            "autoencoder_minutes": done.autoencoder_minutes,
        }
        _write_sheet(place.folder / "sheet.png", real.concepts, made)
        snapshots = sorted((place.folder / "run" / "sheets").glob("*.png"))
        named = {f"snapshot_{i}": f"run/sheets/{p.name}" for i, p in enumerate(snapshots, 1)}
        return Findings(numbers, _protocol(s, len(made)), pictures={"sheet": "sheet.png", **named})

    def page(self, kept: Sequence[Kept], docs: Path) -> str:
        """The table with intervals, the same as csv, and a sheet for every arm."""
        why = {arm.name: arm.why for arm in self.arms}
        groups = by_name(sorted(kept, key=lambda k: _mean(kept, k.trial.name)))
        lines = recipe_table(groups, why)
        _write_csv(docs / f"{self.name}.csv", kept)
        parts = ["\n".join(lines), f"All numbers: [{self.name}.csv]({self.name}.csv).", *_floors(kept)]
        for name, group in groups.items():
            file = sheet_of(group, docs / f"{self.name}-{name}.webp")
            if file:
                parts += [f"`{name}`, {why.get(name, '')}:", picture(name, file)]
        asked = (
            "Which recipe gives the best mini for the same processor time? Every arm changes one thing of "
            "the base and begins from scratch; the interval (95 %) of a row is over its pictures, not over "
            "trainings. Eye is also the teacher of `align`: its row is to be judged by its sheet as well."
        )
        return compose(self, kept, asked, parts)


def recipe_table(groups: Mapping[str, Sequence[Kept]], why: Mapping[str, str]) -> list[str]:
    """A row per arm: one seed with its interval over pictures, several as mean and spread over trainings."""
    head = ["arm", "change", *NUMBERS, "samples", "ms a sample", "PSNR of the code", "seeds"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, group in groups.items():
        done = [one for one in group if one.failed is None]
        cells = [f"`{name}`", why.get(name, "")]
        for number in NUMBERS:
            form = percent if number in ("agreement", "text", "domain") else plain
            cells.append(_cell(done, number, form))
        cells.append(mean_and_spread(values_of(done, "samples"), whole))
        cells += [mean_and_spread(values_of(done, n)) for n in ("milliseconds_per_sample", "psnr")]
        lines.append("| " + " | ".join([*cells, str(len(done))]) + " |")
    return lines


def _cell(done: Sequence[Kept], number: str, form: Any) -> str:
    values = [v for one in done if (v := one.findings.numbers.get(number)) is not None]
    if len(values) != 1:
        return mean_and_spread(values, form)
    ends = [done[0].findings.numbers.get(f"{number}_{end}") for end in ("low", "high")]
    spread = "" if None in ends else f" [{', '.join(form(e) for e in ends if e is not None)}]"
    return form(values[0]) + spread


def _mean(kept: Sequence[Kept], name: str) -> float:
    values = [
        v for one in kept if one.trial.name == name and (v := one.findings.numbers.get("fid@eye")) is not None
    ]
    return sum(values) / len(values) if values else float("inf")


def _floors(kept: Sequence[Kept]) -> list[str]:
    said = []
    for name in NUMBERS[:2]:
        values = [v for k in kept if (v := k.findings.numbers.get(f"floor_{name}")) is not None]
        said += [f"{name} {plain(values[0])}"] if values else []
    return [f"Training pictures in place of drawn ones: {', '.join(said)}."] if said else []


def _write_csv(path: Path, kept: Sequence[Kept]) -> None:
    names = list(dict.fromkeys(name for one in kept for name in one.findings.numbers))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arm", "seed", *names])
        for one in kept:
            writer.writerow([one.trial.name, one.trial.seed, *(one.findings.numbers.get(n) for n in names)])


def _write_sheet(path: Path, concepts: torch.Tensor, made: torch.Tensor) -> None:
    shown = [made[concepts == c][:SHOWN] for c in concepts.unique()]
    images = [to_image(one.float() / 255) for group in shown for one in group]
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(images, SHOWN).save(path)


def _protocol(settings: Mapping[str, Any], count: int) -> str:
    return (
        f"{settings['minutes']:g} minutes of processor time of one thread for each training, steps "
        f"timed before it (packs, autoencoders, the first text towers come on top); {count} pictures, "
        f"each for the caption of a test picture (at most {settings['each']} of a concept), DDIM with "
        f"{settings['steps']} steps, guidance {settings['scale']:g}; judged by eye against those pictures"
    )


EXPERIMENT = MiniRecipe()
