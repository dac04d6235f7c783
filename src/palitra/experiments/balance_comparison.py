"""One trial of a balancing experiment: all strategies with one seed; its page is the comparison's report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from palitra.balancing.balance import protocol, run_seed
from palitra.balancing.classical import Flips
from palitra.balancing.classifier import Budget
from palitra.balancing.generator import GeneratorChoice
from palitra.balancing.kept import Outcome, check_same_settings, outcome_path, read_outcome, write_json
from palitra.balancing.plot import draw_plot
from palitra.balancing.report import make_report
from palitra.balancing.seed_run import CAS, Watch
from palitra.balancing.settings import BalanceSettings
from palitra.balancing.sheet import write_pairs
from palitra.balancing.strategies.catalogue import strategy_names
from palitra.balancing.tables import markdown
from palitra.balancing.task import make_task
from palitra.errors import InputError
from palitra.experiments.trial import Findings, Kept, Place, Scope, Trial
from palitra.zoo.labelled_images import LabelledImages

FACTS = "facts.json"
SHEET = "sheet.webp"
RATE = 36_000
"""Pictures per minute of budget: fixed, so that results do not depend on how busy a machine is."""

Splits = tuple[LabelledImages, LabelledImages | None]


@dataclass(frozen=True)
class BalanceExperiment:
    """Every strategy of `palitra.balancing` on one set; a trial is a seed.

    read: training and test pictures from the folder of the sets, a few for tiny; without test pictures a
    share is cut off. check: the set is there. near_duplicates: as in `BalanceSettings`.
    note: what a reader must know of the result.
    """

    name: str
    title: str
    asked: str
    read: Callable[[Path, bool], Splits]
    check: Callable[[Path], None]
    flips: Flips
    model: str = "cvae"
    near_duplicates: float | None = None
    note: str = ""
    seeds: int = 5
    budget: float = 2 / 3
    settings: dict[str, Any] = field(default_factory=dict)

    def trials(self, scope: Scope) -> Sequence[Trial]:
        """One per seed."""
        self.check(scope.data)
        settings = {
            "model": self.model,
            "preset": "tiny" if scope.tiny else "small",
            "generator": 64 if scope.tiny else round(RATE * scope.budget),
            "classifier": 160 if scope.tiny else round(RATE * scope.budget),
            "flips": self.flips,
            "tiny": scope.tiny,
            **({} if self.near_duplicates is None else {"near_duplicates": self.near_duplicates}),
            **self.settings,
        }
        # a tuned preset is another experiment: the whole configuration is kept
        chosen = self.balance_settings(settings).generator
        settings["configuration"] = chosen.config(0).model_dump(mode="json")
        return [Trial("balance", seed, settings) for seed in range(scope.seeds)]

    def run(self, trial: Trial, place: Place) -> Findings:
        """All strategies with the trial's seed."""
        tiny = bool(trial.settings["tiny"])
        train, test = self.read(place.data, tiny)
        settings = self.balance_settings(trial.settings)
        task = make_task(train, test, settings)
        check_same_settings(place.folder, {**settings.deciding(), "data": task.fingerprint})
        watch = Watch(tick=lambda pictures: place.clock.tick())
        run, outcomes, cas = run_seed(task, settings, trial.seed, place.folder, watch=watch)
        told = protocol(task, settings)
        facts = {
            "labels": task.test.labels.tolist(),
            "names": list(task.test.names),
            "rare": list(task.rare),
            "protocol": told,
        }
        write_json(place.folder / FACTS, facts)
        write_pairs(place.folder / SHEET, run.train, run.synthetic)
        numbers: dict[str, float | None] = {
            f"{o.strategy}.{score}": value for o in (*outcomes, *cas) for score, value in o.scores.items()
        }
        read = [outcome_path(Path(), trial.seed, o.strategy).as_posix() for o in (*outcomes, *cas)]
        return Findings(numbers, told, pictures={"sheet": SHEET}, files=[FACTS, *read])

    def balance_settings(self, known: Mapping[str, Any]) -> BalanceSettings:
        """What the library is asked for."""
        changes = [f"training.images={known['generator']}", "training.decay_from=1.0"]
        if known["tiny"]:
            changes.append("training.batch=8")
        return BalanceSettings(
            generator=GeneratorChoice(known["model"], known["preset"], tuple(changes)),
            budget=Budget(
                samples=known["classifier"], flips=known["flips"], batch=16 if known["tiny"] else 64
            ),
            cas=24 if known["tiny"] else 2000,
            resamples=20 if known["tiny"] else 1000,
            near_duplicates=self.near_duplicates,
        )

    def page(self, kept: Sequence[Kept], docs: Path) -> str:
        """The report of all kept seeds."""
        whole = sorted((k for k in kept if k.failed is None), key=lambda k: k.trial.seed)
        if not whole:
            raise InputError(f"`out` must hold a finished trial of {self.name}, got none")
        facts = json.loads((whole[0].folder / FACTS).read_text(encoding="utf-8"))
        found = [[o for name in strategy_names() if (o := _outcome(k, name))] for k in whole]
        report = make_report(
            found,
            [o for k in whole if (o := _outcome(k, CAS))],
            torch.tensor(facts["labels"]),
            facts["names"],
            facts["rare"],
            f"{self.asked} {facts['protocol']}",
            self.balance_settings(whole[0].trial.settings).resamples,
        )
        plot = draw_plot(report, docs / f"{self.name}.webp").name
        sheet = docs / f"{self.name}-sheet.webp"
        sheet.write_bytes((whole[0].folder / SHEET).read_bytes())
        seconds = sum(k.processor_seconds for k in whole)
        cost = (
            f"{seconds / 60:.0f} minutes of processor time in all "
            f"({'; '.join(dict.fromkeys(k.machine for k in whole))}). "
            f"Made by `palitra experiment run {self.name} --docs docs/experiments`."
        )
        pairs = (
            f"![Real and generated pictures]({sheet.name})\n\n*Rare classes, a row each: eight real training "
            "pictures, then eight generated ones that the sieve kept (seed 0).*"
        )
        note = f"\n{self.note}\n" if self.note else ""
        return markdown(report, self.title, plot) + f"{note}\n{pairs}\n\n{cost}\n"


def _outcome(kept: Kept, strategy: str) -> Outcome | None:
    return read_outcome(outcome_path(kept.folder, kept.trial.seed, strategy))


def first_of_each(data: LabelledImages, most: int, least: int) -> LabelledImages:
    """The first `least` rows of every class, `most` of the largest."""
    largest = int(data.counts.argmax())
    rows = [
        (data.labels == k).nonzero()[: most if k == largest else least, 0] for k in range(len(data.names))
    ]
    return data.rows(torch.cat(rows))
