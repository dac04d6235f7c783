"""A semi-supervised GAN with few labels, by two games, against its discriminator with the labels alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.experiments.data_sets import SetName, check_set, read_splits
from palitra.experiments.equal_time import train_for
from palitra.experiments.page import compose, picture
from palitra.experiments.pictures import line_plot, sheet_of
from palitra.experiments.processor_time import ProcessorClock
from palitra.experiments.table import Column, by_name, percent, trial_table, values_of, whole
from palitra.experiments.trial import Findings, Kept, Place, Scope, Trial
from palitra.zoo.backbones.discriminator import Discriminator
from palitra.zoo.batches import Batches
from palitra.zoo.families.adversarial import Adversarial
from palitra.zoo.families.make import make_family
from palitra.zoo.labelled_images import LABELLED_ONE_IN, LabelledImages, hide_labels
from palitra.zoo.models import preset
from palitra.zoo.run_folder import load_model
from palitra.zoo.sheets import class_sheet, write_sheet

SET: SetName = "fashion-mnist"
CLASSES = 10
LABELLED = (100, 1000)
SUPERVISED = 200_000
METHODS = {
    "gan": "semi-supervised GAN",
    "matching": "semi-supervised GAN, feature matching",
    "labels": "same network, labels alone",
}


def learn_from_labels(
    data: LabelledImages, size: str, seed: int, images: int, clock: ProcessorClock
) -> Discriminator:
    """The semi-supervised model's discriminator trained by cross-entropy on labelled pictures only."""
    config = preset("sgan", size, ("conditioning.labelled=1", f"training.seed={seed}"))
    model = make_family(config, data.shape, len(data.names))
    assert isinstance(model, Adversarial)
    network, t = model.discriminator.train(), config.training
    optimiser = torch.optim.Adam(network.parameters(), t.learning_rate, (t.beta1, t.beta2))
    batches = Batches(data, min(t.batch, len(data)), seed, False, torch.device("cpu"))
    steps = max(1, images // batches.batch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in range(steps):
            for group in optimiser.param_groups:
                # down to nothing over the second half
                group["lr"] = t.learning_rate * min(1.0, 2 - 2 * step / steps)
            drawn = batches.at(step)
            logits = network(drawn.images, None).classes
            assert logits is not None
            optimiser.zero_grad()
            F.cross_entropy(logits, drawn.labels).backward()
            optimiser.step()
            clock.tick()
    return network.eval()


def accuracy(network: Discriminator, test: LabelledImages) -> float:
    """Share of test pictures whose class the network's class head sees."""
    with torch.inference_mode():
        seen: list[Tensor] = []
        for some in test.images.split(500):
            logits = network(some.float() / 127.5 - 1, None).classes
            assert logits is not None
            seen.append(logits.argmax(1))
    return float((torch.cat(seen) == test.labels).double().mean())


@dataclass(frozen=True)
class SemiSupervised:
    """Three methods, two counts of labels."""

    name: str = "semi_supervised"
    title: str = "A semi-supervised GAN with 100 and 1,000 labels"
    seeds: int = 3
    budget: float = 10.0

    def trials(self, scope: Scope) -> Sequence[Trial]:
        """A method, a count and a seed each."""
        check_set(scope.data, SET)
        size, found = "tiny" if scope.tiny else "small", []
        for seed in range(scope.seeds):
            for count in (20, 40) if scope.tiny else LABELLED:
                for method in METHODS:
                    config = preset("sgan", size, _changes(method, count)).model_dump(mode="json")
                    settings = {
                        "set": SET,
                        "method": method,
                        "labelled": count,
                        "preset": size,
                        "config": config,
                        "minutes": scope.budget,
                        "tiny": scope.tiny,
                    }
                    found.append(Trial(f"{method}-{count}", seed, settings))
        return found

    def run(self, trial: Trial, place: Place) -> Findings:
        """Learn with or without the unlabelled pictures, then look at the test pictures."""
        s = trial.settings
        train, test = read_splits(place.data, SET, s["tiny"])
        numbers: dict[str, float | None] = {"labels": s["labelled"]}
        pictures: dict[str, str] = {}
        if s["method"] == "labels":
            shown = hide_labels(train.labels, _per_class(s["labelled"]), len(train.names), trial.seed)
            few = train.rows((shown >= 0).nonzero()[:, 0])
            images = 320 if s["tiny"] else SUPERVISED
            network = learn_from_labels(few, s["preset"], trial.seed, images, place.clock)
            numbers |= {"images": images, "minutes": place.clock.seconds / 60}
        else:
            changes = _changes(s["method"], s["labelled"])
            done = train_for(place, train, "sgan", s["preset"], changes, trial.seed, s["minutes"], s["tiny"])
            model, _ = load_model(done.folder, "last")
            assert isinstance(model, Adversarial)
            network = model.discriminator
            numbers |= {"images": done.images, "minutes": done.minutes}
            columns = 2 if s["tiny"] else 10
            write_sheet(place.folder / "sheet.png", class_sheet(model, columns), columns)
            pictures = {"sheet": "sheet.png"}
        numbers["accuracy"] = accuracy(network, test)
        return Findings(numbers, self._protocol(trial, len(train), len(test)), {}, pictures)

    def page(self, kept: Sequence[Kept], docs: Path) -> str:
        """Accuracy by labels and method."""
        kept = sorted(kept, key=lambda k: (k.trial.settings["labelled"], k.trial.name, k.trial.seed))
        titles = {
            k.trial.name: f"{METHODS[k.trial.settings['method']]}, {k.trial.settings['labelled']:,} labels"
            for k in kept
        }
        columns = [
            Column("accuracy", "accuracy", percent),
            Column("pictures seen", "images", whole),
            Column("minutes", "minutes"),
        ]
        lines: dict[str, list[list[float]]] = {}
        for group in by_name(kept).values():
            values, s = values_of(group, "accuracy"), group[0].trial.settings
            if values:
                point = [s["labelled"], 100 * sum(values) / len(values)]
                lines.setdefault(METHODS[s["method"]], []).append(point)
        file = line_plot(
            lines, docs / f"{self.name}-plot.webp", "labels in all", "accuracy, %", log_x=True, marks=True
        )
        parts = ["\n".join(trial_table(kept, columns, "method", titles)), picture("accuracy by labels", file)]
        drawn = [k for k in kept if k.trial.settings["method"] == "gan" and k.findings.pictures]
        sheet = sheet_of(drawn[-1:], docs / f"{self.name}-sheet.webp")
        if sheet:
            words = "Drawn with the most labels, a class a row, chosen by its own class head:"
            parts += [words, picture("sheet", sheet)]
        asked = (
            "Do sixty thousand pictures without labels help a small network that has 100 or 1,000 labels in "
            "all, by way of a GAN whose discriminator names the classes (arXiv 1606.01583, 1606.03498)?"
        )
        return compose(self, kept, asked, parts)

    def _protocol(self, trial: Trial, train: int, test: int) -> str:
        s = trial.settings
        return (
            f"sgan `{s['preset']}` on {s['set']} at 32 px, {s['minutes']:g} minutes of processor time, "
            f"{train} pictures, one of {LABELLED_ONE_IN} shown being labelled; labels alone: its "
            f"discriminator by cross-entropy for {SUPERVISED} pictures; the same labelled pictures for both, "
            f"equally many of every class, drawn by the seed; last weights, {test} test pictures, "
            f"no choice made by them"
        )


def _per_class(count: int) -> int:
    return max(1, count // CLASSES)


def _changes(method: str, count: int) -> tuple[str, ...]:
    """Of the preset; matching takes the place of the generator's game and has the rate of its paper."""
    labelled = f"conditioning.labelled={_per_class(count)}"
    matching = ("regularisers.feature_matching=1", "training.learning_rate=3e-4")
    return (labelled, *matching) if method == "matching" else (labelled,)


EXPERIMENT = SemiSupervised()
