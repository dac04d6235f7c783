"""All strategies with one seed: same rows, same budget, one generator between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from palitra.balancing.classifier import (
    Budget,
    Classifier,
    probabilities,
    refit_head,
    train_classifier,
)
from palitra.balancing.generator import Generator, train_generator
from palitra.balancing.kept import Outcome, outcome_path, read_outcome, write_outcome
from palitra.balancing.lesson import Lesson
from palitra.balancing.scores import recalls, scores
from palitra.balancing.settings import BalanceSettings
from palitra.balancing.sieve import Sieve
from palitra.balancing.split import Split, cut_share
from palitra.balancing.strategies.catalogue import find_strategies
from palitra.balancing.strategies.strategy import Ground, Strategy, target_counts
from palitra.balancing.synthetic import Draws, Synthetic, fill
from palitra.balancing.task import Task
from palitra.metrics.agreement import classification_accuracy_score
from palitra.zoo.label_sampler import fixed_counts
from palitra.zoo.labelled_images import LabelledImages

JUDGE = "logit_adjustment"
CAS = "cas"


@dataclass(frozen=True)
class Watch:
    """Who looks on.

    begin: a seed's strategy begins. tick: so many pictures were learnt from. aside: around what shows its own
    progress.
    """

    begin: Callable[[int, str], None] = lambda seed, name: None
    tick: Callable[[int], None] = lambda pictures: None
    aside: Callable[[], AbstractContextManager[object]] = nullcontext


class CommonClassifier:
    """The strategies' classifier as the classification accuracy score wants it."""

    def __init__(
        self, names: tuple[str, ...], budget: Budget, seed: int, tick: Callable[[int], None]
    ) -> None:
        self.names, self.budget, self.seed, self.tick = names, budget, seed, tick
        self.network: Classifier | None = None

    def fit(self, images: Tensor, labels: Tensor) -> CommonClassifier:
        """Learn from uint8 pictures (N, C, H, W)."""
        lesson = Lesson(LabelledImages(images, labels, self.names))
        self.network = train_classifier(lesson, self.budget, self.seed, self.tick)
        return self

    def predict(self, images: Tensor) -> Tensor:
        """Class probabilities (N, K)."""
        assert self.network is not None, "fit comes first"
        return probabilities(self.network, images)


class SeedRun:
    """Outcomes of one seed, kept in `folder`/seed-N; what is kept is not worked out again."""

    def __init__(
        self,
        task: Task,
        settings: BalanceSettings,
        seed: int,
        folder: Path,
        device: torch.device | None = None,
        watch: Watch | None = None,
        generator: Draws | None = None,
    ) -> None:
        self.task, self.settings, self.seed, self.folder = task, settings, seed, folder
        self.device, self.watch = device or torch.device("cpu"), watch or Watch()
        self._networks: dict[str, nn.Module] = {}
        self._given = generator

    @cached_property
    def split(self) -> Split:
        """Training and validation rows of the pool."""
        return cut_share(self.task.pool, self.settings.validation, self.seed, self.task.groups)

    @cached_property
    def train(self) -> LabelledImages:
        """What everything learns from."""
        return self.task.pool.rows(self.split.kept)

    @cached_property
    def target(self) -> list[int]:
        """Training rows wanted of each class."""
        return target_counts(self.train.counts.tolist(), self.task.rare, self.settings.target)

    @cached_property
    def generator(self) -> Draws:
        """Trained on the training rows, in the folder of the seed."""
        if self._given is not None:
            return self._given
        place = self.folder / f"seed-{self.seed}" / "generator"
        with self.watch.aside():
            made: Generator = train_generator(
                self.train, self.settings.generator, place, self.seed, self.device
            )
        return made

    @cached_property
    def synthetic(self) -> Synthetic:
        """Sieved pictures up to the target; kept beside the outcomes."""
        path = self.folder / f"seed-{self.seed}" / "synthetic.safetensors"
        found = Synthetic.load(path)
        if found is None:
            judge = self.learned(JUDGE)
            assert isinstance(judge, Classifier)
            sieve = Sieve(judge, self.task.pool, self.settings.sieve)
            missing = [t - n for t, n in zip(self.target, self.train.counts.tolist(), strict=True)]
            found = fill(self.generator, sieve, missing, self.train.shape, self.seed)
            found.save(path)
        return found

    @cached_property
    def ground(self) -> Ground:
        """What the strategies get."""
        return Ground(
            train=self.train,
            target=self.target,
            weight=self.settings.weight,
            seed=self.seed,
            teach=lambda lesson: train_classifier(lesson, self.settings.budget, self.seed, self.watch.tick),
            refit=self._refit,
            learned=self.learned,
            synthetic=lambda: self.synthetic,
        )

    def learned(self, name: str) -> nn.Module:
        """The network of a strategy, trained at most once."""
        if name not in self._networks:
            (strategy,) = (s for s in find_strategies([name]) if s.name == name)
            self._networks[name] = strategy.fit(self.ground)
        return self._networks[name]

    def outcome(self, strategy: Strategy) -> Outcome:
        """The kept outcome of a strategy, or a new one."""
        path = outcome_path(self.folder, self.seed, strategy.name)
        found = read_outcome(path)
        if found is not None:
            return found
        self.watch.begin(self.seed, strategy.name)
        about: dict[str, Any] = {}
        rows = self.train.counts.tolist()
        if strategy.generated:
            names = self.train.names
            about["tally"] = {names[k]: dict(v) for k, v in self.synthetic.tally.items()}
            made = torch.bincount(self.synthetic.labels, minlength=len(names)).tolist()
            rows = [a + b for a, b in zip(rows, made, strict=True)]
        began = time.perf_counter()
        network = self.learned(strategy.name)
        seconds = time.perf_counter() - began
        test, rare = self.task.test, self.task.rare
        held = self.task.pool.rows(self.split.cut)
        p = probabilities(network, test.images)
        outcome = Outcome(
            strategy=strategy.name,
            seed=self.seed,
            predictions=p.argmax(1).tolist(),
            scores=scores(p, test.labels, rare),
            validation=scores(probabilities(network, held.images), held.labels, rare),
            recalls=recalls(p.argmax(1), test.labels, len(test.names)),
            rows=rows,
            seconds=seconds,
            about=about,
        )
        write_outcome(path, outcome)
        return outcome

    def cas(self) -> Outcome:
        """Classification accuracy score: the same classifier, taught by generated pictures alone.

        Every class equally often, nothing sieved; it looks at the real test pictures.
        """
        path = outcome_path(self.folder, self.seed, CAS)
        found = read_outcome(path)
        if found is not None:
            return found
        self.watch.begin(self.seed, CAS)
        classes, test = len(self.train.names), self.task.test
        each = max(2, self.settings.cas // classes)
        made = fill(self.generator, None, [each] * classes, self.train.shape, self.seed + 1_000_003)
        began = time.perf_counter()
        classifier = CommonClassifier(self.train.names, self.settings.budget, self.seed, self.watch.tick)
        seen = classification_accuracy_score(
            classifier, made.images, fixed_counts([each] * classes), test.images, test.labels, classes
        )
        predictions = classifier.predict(test.images)
        outcome = Outcome(
            strategy=CAS,
            seed=self.seed,
            predictions=predictions.argmax(1).tolist(),
            scores={**scores(predictions, test.labels, self.task.rare), CAS: seen.agreement},
            validation={},
            recalls=seen.per_class.tolist(),
            rows=[each] * classes,
            seconds=time.perf_counter() - began,
            about={},
        )
        write_outcome(path, outcome)
        return outcome

    def _refit(self, network: nn.Module, features: Tensor, labels: Tensor) -> nn.Module:
        assert isinstance(network, Classifier)
        return refit_head(network, features, labels, self.settings.budget, self.seed)
