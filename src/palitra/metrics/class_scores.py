"""Scores that need classes on both sides: class agreement, classification accuracy score, identity.

They are worked out on the features that the one pass over the images gave already. The judge of classes is a
`LinearProbe` trained on four fifths of the real images and tested on the last fifth; people are classes.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.agreement import class_agreement, classification_accuracy_score
from palitra.metrics.identity import Identity, calibrate_threshold
from palitra.metrics.linear_probe import LinearProbe
from palitra.metrics.scores import Score, Scorer, ScoreSettings, Sides, interval_of_means

TESTED = 5
"""One real image in so many tests the judge."""
FALSE_ACCEPTANCE = 0.001


def agreement(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Share of fakes in which the judge sees the class they were made for, overall and by class."""
    count = len(sides.classes)
    train, test = _split(sides, settings)
    judge = LinearProbe(count).fit(sides.real.features[train], sides.real.labels[train])
    known = class_agreement(judge.predict(sides.real.features[test]), sides.real.labels[test], count)
    seen = judge.predict(sides.fake.features).argmax(1)
    found = class_agreement(seen, sides.fake.labels, count)
    right = (seen == sides.fake.labels).double()
    used = {"judge": "linear", "of_real": known.agreement, "judged_on": len(test), "macro": found.macro}
    yield Score("agreement", found.agreement, interval_of_means(settings, right), used)
    for label in sides.fake.labels.unique().tolist():
        yield Score("agreement", float(found.per_class[label]), group=sides.classes[label])


def accuracy_score(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Accuracy on real images of a judge that learnt from fakes, beside that of one that learnt from real."""
    count = len(sides.classes)
    train, test = _split(sides, settings)
    real, labels = sides.real.features, sides.real.labels
    fakes = sides.fake.features, sides.fake.labels
    found = classification_accuracy_score(LinearProbe(count), *fakes, real[test], labels[test], count)
    known = classification_accuracy_score(
        LinearProbe(count), real[train], labels[train], real[test], labels[test], count
    )
    used = {
        "judge": "linear",
        "of_real": known.agreement,
        "learnt_from": len(fakes[1]),
        "judged_on": len(test),
    }
    yield Score("cas", found.agreement, settings=used)


def identity(sides: Sides, settings: ScoreSettings) -> Iterator[Score]:
    """Cosine with the real pictures of the same class, and the share above the threshold of strangers.

    The threshold is the cosine that one in a thousand pairs of different real people reach. No face is looked
    for: the pictures must be faces already.
    """
    real, labels = sides.real.features, sides.real.labels
    strangers = _strangers(real, labels, settings)
    threshold = None
    if len(strangers) >= 1 / FALSE_ACCEPTANCE:
        threshold = calibrate_threshold(strangers, FALSE_ACCEPTANCE)
    people = Identity(threshold)
    for label in sides.fake.labels.unique().tolist():
        mine = labels == label
        if not mine.any():
            raise InputError(
                f"`real` must have at least 1 picture of {sides.classes[label]} for identity, got 0"
            )
        people.update(sides.fake.features[sides.fake.labels == label], real[mine])
    found = people.compute()
    used = {"people": len(people.values), "of_strangers": float(strangers.mean()) if len(strangers) else None}
    yield Score("identity", found.similarity, interval_of_means(settings, found.per_picture), used)
    if threshold is not None:
        used = {"threshold": threshold, "false_acceptance": FALSE_ACCEPTANCE, "strangers": len(strangers)}
        yield Score("identity_success", found.success, settings=used)


def _split(sides: Sides, settings: ScoreSettings) -> tuple[Tensor, Tensor]:
    """Rows of the real images that train and that test a judge."""
    count = len(sides.real.labels)
    if count < 2 * TESTED:
        raise InputError(f"`real` must have at least {2 * TESTED} images for a judge of classes, got {count}")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(settings.seed))
    return order[count // TESTED :], order[: count // TESTED]


def _strangers(features: Tensor, labels: Tensor, settings: ScoreSettings) -> Tensor:
    """Cosines of pairs of different people, of at most as many pictures as `settings.pairs` allows."""
    most = min(len(labels), settings.pairs)
    rows = torch.randperm(len(labels), generator=torch.Generator().manual_seed(settings.seed))[:most]
    x = torch.nn.functional.normalize(features[rows].double(), dim=1)
    other = (labels[rows][:, None] != labels[rows]).triu(1)
    return (x @ x.T)[other]


CLASS_SCORERS: dict[str, Scorer] = {"agreement": agreement, "cas": accuracy_score, "identity": identity}
