"""Classifier-free guidance (arXiv 2207.12598): one class-conditional diffusion, drawn with many weights w."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from palitra.experiments.data_sets import SetName, check_set, read_splits
from palitra.experiments.model_trial import (
    extractor_name,
    model_trial,
    trained,
    trained_precision,
    yardstick_of,
)
from palitra.experiments.page import compose, picture
from palitra.experiments.pictures import line_plot, scatter_plot, sheet_of
from palitra.experiments.table import mean_and_spread, percent, plain
from palitra.experiments.trial import Findings, Kept, Place, Scope, Trial
from palitra.zoo.families.family import Drawing, Family
from palitra.zoo.run_folder import load_model
from palitra.zoo.sheets import sweep_sheet, write_sheet
from palitra.zoo.yardstick import Yardstick

SET: SetName = "fashion-mnist"
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
TINY_WEIGHTS = (0.0, 1.0)
# drawing is what this experiment costs: every weight draws its own pictures, and most ask twice a step
PICTURES, STEPS = 1000, 25
TINY_STEPS = 4
SHOWN = {
    "fid": plain,
    "kid": plain,
    "precision": plain,
    "recall": plain,
    "agreement": percent,
    "vendi": plain,
}
Numbers = dict[str, float]


@dataclass(frozen=True)
class Guidance:
    """A seed trains one model; every weight draws the same labels and seeds."""

    name: str = "guidance"
    title: str = "Classifier-free guidance from none to strong"
    seeds: int = 3
    budget: float = 10.0

    def trials(self, scope: Scope) -> Sequence[Trial]:
        """A seed each."""
        check_set(scope.data, SET)
        weights = list(TINY_WEIGHTS if scope.tiny else WEIGHTS)
        more = {"weights": weights, "steps": TINY_STEPS if scope.tiny else STEPS}
        more |= {} if scope.tiny else {"pictures": PICTURES}
        extractor = extractor_name(scope)
        return [
            model_trial(scope, "cdm", seed, SET, "cdm", extractor, (), **more) for seed in range(scope.seeds)
        ]

    def run(self, trial: Trial, place: Place) -> Findings:
        """Train, then draw and measure with each weight; finished weights are kept on the way."""
        s = trial.settings
        train, test = read_splits(place.data, SET, s["tiny"])
        done = trained(trial, place, train)
        model, _ = load_model(done.folder, "best")
        yardstick = yardstick_of(trial, place, train, test)
        found = [(w, self._measured(w, trial, place, model, yardstick)) for w in s["weights"]]
        columns = 4 if s["tiny"] else 10
        shown = sweep_sheet(model, "guidance", s["weights"], None, columns) if not s["tiny"] else None
        if shown is not None:
            write_sheet(place.folder / "sheet.png", shown, columns)
        curves = {
            name: [[w, numbers[name]] for w, numbers in found if name in numbers] for name in found[0][1]
        }
        protocol = (
            f"cdm `{s['preset']}`, {s['minutes']:g} minutes of processor time of one thread for training; "
            f"{s['steps']} DDIM steps; w 0 is the plain conditional model; all w have the same labels, seeds"
        )
        told = yardstick.protocol(s["pictures"])
        return Findings(
            {"images": done.images, "minutes": done.minutes},
            f"{protocol}; {told}",
            curves,
            {} if shown is None else {"sheet": "sheet.png"},
        )

    def page(self, kept: Sequence[Kept], docs: Path) -> str:
        """Every number by weight, and the way through distance and agreement."""
        done = [k for k in kept if k.failed is None]
        means = {name: _means(done, name) for name in (done[0].findings.curves if done else {})}
        fid = next((name for name in means if name.split("@")[0] == "fid"), "fid")
        parts = ["\n".join(_table(done))]
        if fid in means and "agreement" in means:
            agreement = {w: 100 * a for w, a, _ in means["agreement"]}
            points = {f"w {w:g}": (v, agreement[w]) for w, v, _ in means[fid]}
            file = scatter_plot(points, docs / f"{self.name}-plot.webp", fid, "class agreement, %")
            lines = {name: means[name] for name in means if name.split("@")[0] in ("precision", "recall")}
            both = line_plot(lines, docs / f"{self.name}-precision.webp", "guidance w", "share", marks=True)
            parts += [picture("agreement against distance", file), picture("precision and recall", both)]
        sheet = sheet_of(done, docs / f"{self.name}-sheet.webp")
        if sheet:
            rows = ", ".join(f"{w:g}" for w in done[0].trial.settings["weights"])
            parts += [f"A row per w ({rows} from the top), the same seeds in each:", picture("sheet", sheet)]
        asked = (
            "What does stronger guidance buy in class agreement, and what does it cost in distance to the "
            "real pictures and in variety?"
        )
        return compose(self, kept, asked, parts)

    def _measured(self, w: float, trial: Trial, place: Place, model: Family, yardstick: Yardstick) -> Numbers:
        path = place.folder / f"weight-{w:g}.json"
        if path.is_file():
            kept: Numbers = json.loads(path.read_text(encoding="utf-8"))
            return kept
        options = Drawing(guidance=w, steps=trial.settings["steps"], sampler="ddim")
        first = 1_000_000 * (trial.seed + 1)
        with trained_precision(model):
            drawn = yardstick.draw(
                model, trial.settings["pictures"], first, options, lambda count: place.clock.tick()
            )
        found = yardstick.measure(drawn)
        numbers = {**found.scores, "milliseconds_per_picture": 1000 * drawn.seconds_per_picture}
        if found.agreement is not None:
            numbers["agreement"] = found.agreement
        part = path.with_suffix(".part")
        part.write_text(json.dumps(numbers), encoding="utf-8")
        os.replace(part, path)
        return numbers


def _means(kept: Sequence[Kept], name: str) -> list[list[float]]:
    """Points (w, mean, standard deviation) over seeds."""
    held: dict[float, list[float]] = {}
    for one in kept:
        for w, value in one.findings.curves.get(name, []):
            held.setdefault(w, []).append(value)
    return [
        [w, statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0]
        for w, values in sorted(held.items())
    ]


def _table(kept: Sequence[Kept]) -> list[str]:
    names = {
        short: name
        for short in SHOWN
        for name in (kept[0].findings.curves if kept else {})
        if name.split("@")[0] == short
    }
    head = ["w", *names.values(), "seeds"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    weights = sorted({w for one in kept for points in one.findings.curves.values() for w, _ in points})
    for w in weights:
        cells = [f"{w:g}"]
        for short, name in names.items():
            values = [v for one in kept for at, v in one.findings.curves.get(name, []) if at == w]
            cells.append(mean_and_spread(values, SHOWN[short]))
        lines.append("| " + " | ".join([*cells, str(len(kept))]) + " |")
    return lines


EXPERIMENT = Guidance()
