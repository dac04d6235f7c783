"""The real side of an evaluation, made once for all runs, and the numbers of pictures held against it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from palitra.data.memory_set import memory_set
from palitra.errors import ModelNotFoundError, check_range
from palitra.metrics.extractors import Extractor, load_extractor
from palitra.metrics.one_pass import extract
from palitra.metrics.reference import Features
from palitra.metrics.resize import quantise
from palitra.metrics.result import Protocol, Result
from palitra.metrics.scores import SCORERS, Scorer, ScoreSettings, Sides, all_scores
from palitra.version import __version__
from palitra.zoo.class_agreement import ClassJudge, train_judge
from palitra.zoo.drawing import draw_pictures
from palitra.zoo.families.family import Drawing, Family
from palitra.zoo.label_sampler import LabelSampler
from palitra.zoo.labelled_images import LabelledImages

RESIZE = "clean"
SCORES = ("fid", "kid", "precision_recall", "density_coverage", "vendi")
COPIES = 2000
"""Most generated and unseen pictures that are compared with all training pictures."""
UNSEEN = 99
"""Fewest unseen pictures by which one in a hundred can be told."""


def chosen_extractor(name: str | None, device: torch.device | str = "cpu") -> Extractor:
    """The extractor of that name; by default eye where its weights are embedded, else random."""
    if name is not None:
        return load_extractor(name, device=device)
    try:
        return load_extractor("eye", device=device)
    except ModelNotFoundError:
        return load_extractor("random", device=device)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Pictures float32 (N, C, H, W) in [-1, 1] with the labels asked for (N,), and seconds for each.

    Seconds are of the processor on a CPU, of the clock on other devices.
    """

    pictures: Tensor
    labels: Tensor
    conditional: bool
    seconds_per_picture: float


@dataclass(frozen=True)
class Measured:
    """Numbers by their names (`fid@eye`), with notes on what was left out; agreement None without classes."""

    scores: dict[str, float]
    agreement: float | None
    agreement_of: dict[str, float]
    protocol: str
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Yardstick:
    """Reference pictures, perhaps the training pictures (then copies are looked for), extractor, judge.

    `cache` keeps the features of real pictures.
    """

    reference: LabelledImages
    extractor: Extractor
    train: LabelledImages | None = None
    judge: ClassJudge | None = None
    cache: Path | None = None
    settings: ScoreSettings = field(default_factory=lambda: ScoreSettings(resamples=0, pairs=5000))
    tick: Callable[[int], None] = lambda count: None

    def __post_init__(self) -> None:
        self.real = self._seen(self.reference.images, "reference", self.cache)
        self.known = None if self.train is None else self._seen(self.train.images, "train", self.cache)

    def draw(
        self,
        model: Family,
        count: int,
        seed: int = 0,
        options: Drawing | None = None,
        tick: Callable[[int], None] = lambda count: None,
    ) -> Drawn:
        """`count` pictures of a model, labels in the shares of the reference, seeds from `seed`.

        Raises:
            InputError: fewer than 2, or options out of bounds.
            ComposeError: an option the model does not know.
        """
        check_range("n", count, 2, 10_000_000)
        generator = torch.Generator().manual_seed(seed)
        names = self.reference.names
        labels = LabelSampler.empirical(self.reference.labels, len(names)).draw(count, generator)
        conditional = bool(model.classes)
        clock = time.process_time if next(model.parameters()).device.type == "cpu" else time.perf_counter
        began = clock()
        chunks = []
        for chunk in draw_pictures(model, labels if conditional else None, count, seed, options):
            chunks.append(chunk)
            tick(len(chunk))
        return Drawn(torch.cat(chunks), labels, conditional, (clock() - began) / count)

    def measure(self, drawn: Drawn) -> Measured:
        """All numbers of drawn pictures.

        Raises:
            ImageError: pictures that are not finite.
        """
        fake = self._seen(quantise(drawn.pictures), "fake", None)
        notes: list[str] = []
        results = [*self._scores(fake, notes), *self._copies(fake, notes)]
        agreement: float | None = None
        each: dict[str, float] = {}
        if drawn.conditional and self.judge is not None:
            agreement, shares = self.judge.agreement(drawn.pictures, drawn.labels)
            each = {n: a for n, a in zip(self.reference.names, shares, strict=True) if a == a}
        return Measured(
            {r.name: r.value for r in results},
            agreement,
            each,
            self.protocol(len(fake.features)),
            tuple(notes),
        )

    def accuracy_of_learning_from(self, drawn: Drawn) -> float | None:
        """Classification accuracy score: learnt from drawn pictures alone, measured on the reference."""
        if not drawn.conditional:
            return None
        made = LabelledImages(quantise(drawn.pictures), drawn.labels, self.reference.names)
        return train_judge(made, test=self.reference).accuracy

    def _seen(self, pixels: Tensor, name: str, cache: Path | None) -> Features:
        images = memory_set(name, pixels)
        found = extract(images, [self.extractor], [RESIZE], cache=cache, tick=self.tick)
        return found[self.extractor.name, RESIZE]

    def _scores(self, fake: Features, notes: list[str]) -> Iterator[Result]:
        chosen = {name: SCORERS[name] for name in SCORES}
        yield from self._results(Sides(self.real, fake), chosen, notes)

    def _copies(self, fake: Features, notes: list[str]) -> Iterator[Result]:
        if self.known is not None:
            unseen = _spread(self.real, COPIES) if len(self.reference) >= UNSEEN else None
            if unseen is None:
                notes.append(
                    f"nearer_than_unseen is left out: it needs {UNSEEN} real pictures, "
                    f"got {len(self.reference)}"
                )
            sides = Sides(self.known, _first(fake, COPIES), unseen)
            yield from self._results(sides, {"copies": SCORERS["copies"]}, notes)

    def _results(self, sides: Sides, chosen: Mapping[str, Scorer], notes: list[str]) -> Iterator[Result]:
        scores, left_out = all_scores(sides, self.settings, chosen)
        notes += left_out
        about = Protocol(
            self.extractor.name,
            self.extractor.weights,
            RESIZE,
            len(sides.real.features),
            len(sides.fake.features),
            self.settings.seed,
            {"palitra": __version__},
        )
        for score in scores:
            yield Result(score.metric, score.value, about, score.interval, score.settings)

    def protocol(self, count: int) -> str:
        """How numbers of `count` pictures come about."""
        words = [
            f"{count} generated against {len(self.reference)} real pictures, "
            f"labels in the shares of the real, features of {self.extractor.name} "
            f"({self.extractor.weights[:8]}), resize {RESIZE}, "
            f"at most {self.settings.pairs} a side where all pairs are compared"
        ]
        if self.judge is not None:
            words.append(
                f"agreement by a classifier trained on {self.judge.trained} real pictures, "
                f"{self.judge.accuracy:.1%} right on {self.judge.tested} others"
            )
        if self.train is not None:
            words.append(
                f"copies: {min(count, COPIES)} generated and {min(len(self.reference), COPIES)} unseen "
                f"pictures against {len(self.train)} training pictures"
            )
        return "; ".join(words)


def _first(found: Features, most: int) -> Features:
    return _rows(found, torch.arange(min(most, len(found.features))))


def _spread(found: Features, most: int) -> Features:
    # evenly over the set, which may be sorted by class
    count = len(found.features)
    return _rows(found, torch.arange(min(most, count)) * count // min(most, count))


def _rows(found: Features, index: Tensor) -> Features:
    return Features(found.features[index], found.labels[index], found.prints[index])
