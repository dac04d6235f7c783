"""Features of a DCGAN's discriminator, trained without labels, for a linear classifier (arXiv 1511.06434)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.experiments.data_sets import SetName, check_set, read_splits
from palitra.experiments.equal_time import train_for
from palitra.experiments.linear_machine import fit_machine, search_penalty
from palitra.experiments.page import compose, picture
from palitra.experiments.pictures import line_plot
from palitra.experiments.table import Column, by_name, percent, trial_table, values_of
from palitra.experiments.trial import Findings, Kept, Place, Scope, Trial
from palitra.zoo.backbones.dcgan import DCGANTrunk
from palitra.zoo.families.adversarial import Adversarial
from palitra.zoo.families.make import make_family
from palitra.zoo.labelled_images import LabelledImages, hide_labels
from palitra.zoo.models import preset
from palitra.zoo.run_folder import load_model

SET: SetName = "fashion-mnist"
KINDS = ("trained", "random", "pixels")
TITLES = {
    "trained": "discriminator trained without labels",
    "random": "discriminator with random weights",
    "pixels": "raw pixels",
}
UNLABELLED = ("conditioning.kind=none",)
GRID = 4
LABELLED = (100, 1000, 10_000)
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FOLDS = 3
SEARCHED = 1000
"""Up to so many labels the penalty is searched anew; more take that of the last search, to spare hours."""
SETTLING = 50


def pooled_features(trunk: DCGANTrunk, images: Tensor, chunk: int = 500) -> Tensor:
    """Activations of all convolutions of a trunk, each max-pooled to 4 x 4, as float32 (N, F).

    Args:
        trunk: in evaluation mode.
        images: uint8 (N, C, H, W).
        chunk: pictures at a time.
    """
    found = []
    with torch.inference_mode():
        for some in images.split(chunk):
            x, parts = some.float() / 127.5 - 1, []
            for layer in trunk.layers:
                x = layer(x)
                if isinstance(layer, nn.LeakyReLU):
                    parts.append(F.adaptive_max_pool2d(x, GRID).flatten(1))
            found.append(torch.cat(parts, 1))
    return torch.cat(found)


def linear_accuracies(
    train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, subsets: Sequence[Tensor]
) -> tuple[list[float], list[float]]:
    """Accuracy of a linear L2-SVM learnt from each subset, and the penalty C taken for it.

    Features are standardised by `train`. C is chosen among 1e-4 … 1 by 3-fold cross-validation on the
    labelled pictures alone, for more than 1,000 of them taken from the last subset that was searched.

    Args:
        train: features (N, F).
        labels: (N,), read at the rows of `subsets` only.
        test: features (M, F) that no choice is made by.
        test_labels: (M,).
        subsets: rows of `train` with known labels, small ones first.
    """
    mean, deviation = train.mean(0), train.std(0)
    scale = torch.where(deviation > 1e-6, deviation, torch.ones(()))
    x, z = (((side - mean) / scale).numpy() for side in (train, test))
    y, wanted = labels.numpy(), test_labels.numpy()
    classes = int(max(y.max(), wanted.max())) + 1
    accuracies, penalties, penalty = [], [], PENALTIES[len(PENALTIES) // 2]
    for rows in (subset.numpy() for subset in subsets):
        folds = min(FOLDS, int(np.unique(y[rows], return_counts=True)[1].min()))
        if len(rows) <= SEARCHED and folds > 1:
            penalty = search_penalty(x[rows], y[rows], classes, PENALTIES, folds)
        machine = fit_machine(x[rows], y[rows], classes, penalty)
        accuracies.append(float((machine.predict(z) == wanted).mean()))
        penalties.append(penalty)
    return accuracies, penalties


def labelled_rows(data: LabelledImages, count: int, seed: int) -> Tensor:
    """Rows of `count` labelled pictures in all, equally many of every class where it has them."""
    shown = hide_labels(data.labels, max(1, count // len(data.names)), len(data.names), seed)
    return (shown >= 0).nonzero()[:, 0]


def settled_random_trunk(data: LabelledImages, changes: Sequence[str], size: str, seed: int) -> DCGANTrunk:
    """Random weights; the statistics of its norms are those of the data, as a trained one's are."""
    config = preset("dcgan", size, (*UNLABELLED, *changes, f"training.seed={seed}"))
    model = make_family(config, data.shape, 0)
    assert isinstance(model, Adversarial)
    trunk = model.discriminator.trunk.train()
    assert isinstance(trunk, DCGANTrunk)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(SETTLING):
            rows = torch.randint(len(data), (64,), generator=generator)
            trunk(data.images[rows].float() / 127.5 - 1, None)
    return trunk.eval()


@dataclass(frozen=True)
class DiscriminatorFeatures:
    """Three kinds of features, three counts of labels."""

    name: str = "discriminator_features"
    title: str = "Features of a DCGAN's discriminator against raw pixels and random weights"
    seeds: int = 3
    budget: float = 10.0

    def trials(self, scope: Scope) -> Sequence[Trial]:
        """A kind of features and a seed each."""
        check_set(scope.data, SET)
        size = "tiny" if scope.tiny else "small"
        settings = {
            "set": SET,
            "preset": size,
            "config": preset("dcgan", size, UNLABELLED).model_dump(mode="json"),
            "minutes": scope.budget,
            "labelled": [20, 40] if scope.tiny else list(LABELLED),
            "tiny": scope.tiny,
        }
        return [Trial(kind, seed, settings) for seed in range(scope.seeds) for kind in KINDS]

    def run(self, trial: Trial, place: Place) -> Findings:
        """Train the discriminator if it is the trained kind, then learn from its features."""
        s = trial.settings
        train, test = read_splits(place.data, SET, s["tiny"])
        numbers: dict[str, float | None] = {}
        trunk: DCGANTrunk | None = None
        if trial.name == "trained":
            done = train_for(
                place, train, "dcgan", s["preset"], UNLABELLED, trial.seed, s["minutes"], s["tiny"]
            )
            model, _ = load_model(done.folder, "last")
            assert isinstance(model, Adversarial)
            assert isinstance(model.discriminator.trunk, DCGANTrunk)
            trunk = model.discriminator.trunk
            numbers |= {"images": done.images, "minutes": done.minutes}
        elif trial.name == "random":
            trunk = settled_random_trunk(train, (), s["preset"], trial.seed)
        subsets = [labelled_rows(train, count, trial.seed) for count in s["labelled"]]
        used = torch.cat(subsets).unique()
        places = torch.full((len(train),), -1).scatter(0, used, torch.arange(len(used)))
        x, z = (
            side.images.flatten(1).float() if trunk is None else pooled_features(trunk, side.images)
            for side in (train.rows(used), test)
        )
        place.clock.keep()
        rows = [places[subset] for subset in subsets]
        accuracies, penalties = linear_accuracies(x, train.labels[used], z, test.labels, rows)
        numbers["features"] = x.shape[1]
        for count, accuracy, penalty in zip(s["labelled"], accuracies, penalties, strict=True):
            numbers |= {f"accuracy {count}": accuracy, f"C {count}": penalty}
        points = [[count, a] for count, a in zip(s["labelled"], accuracies, strict=True)]
        return Findings(numbers, self._protocol(trial, len(test), len(used)), {"accuracy": points})

    def page(self, kept: Sequence[Kept], docs: Path) -> str:
        """Accuracy by the number of labels."""
        kept = sorted(kept, key=lambda k: (KINDS.index(k.trial.name), k.trial.seed))
        counts: list[int] = list(kept[0].trial.settings["labelled"])
        columns = [
            Column("features", "features", lambda v: f"{v:,.0f}"),
            *(Column(f"{count:,} labels", f"accuracy {count}", percent) for count in counts),
            Column("pictures seen", "images", lambda v: f"{v:,.0f}"),
        ]
        lines = {
            TITLES[name]: [
                [count, 100 * sum(found) / len(found)]
                for count in counts
                if (found := values_of(group, f"accuracy {count}"))
            ]
            for name, group in by_name(kept).items()
        }
        file = line_plot(
            lines, docs / f"{self.name}-plot.webp", "labels in all", "accuracy, %", log_x=True, marks=True
        )
        asked = (
            "Does a discriminator that never saw a label learn features by which a linear classifier tells "
            "the classes better than by pixels, and is it the training or the architecture?"
        )
        table = "\n".join(trial_table(kept, columns, "features", TITLES))
        return compose(self, kept, asked, [table, picture("accuracy by labels", file)])

    def _protocol(self, trial: Trial, tests: int, used: int) -> str:
        s = trial.settings
        return (
            f"dcgan `{s['preset']}` without classes on all training pictures of {s['set']} at 32 px, "
            f"{s['minutes']:g} minutes of processor time; activations of every convolution max-pooled to "
            f"4 x 4 and standardised on the {used} pictures of the largest subset; linear L2-SVM, C by "
            f"{FOLDS}-fold cross-validation on up to {SEARCHED} labels; labelled pictures drawn anew for "
            f"each seed, the same for all kinds; accuracy on {tests} test pictures; norms of the random "
            f"discriminator settled on training pictures"
        )


EXPERIMENT = DiscriminatorFeatures()
