"""The same numbers for every run: one reference, extractor and classifier, the same labels and seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from palitra.errors import DiskError, InputError, check_range
from palitra.models.zoo import home
from palitra.zoo.class_agreement import kept_judge
from palitra.zoo.families.make import parameter_count
from palitra.zoo.labelled_images import LabelledImages, match_labels
from palitra.zoo.reading.read import read_labelled
from palitra.zoo.reading.size import Fit
from palitra.zoo.run_folder import load_model, read_card
from palitra.zoo.yardstick import Yardstick, chosen_extractor

EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class Wishes:
    """How runs are evaluated.

    count: pictures drawn of each run. seed: of the first picture. which: best or last. extractor: its name;
    by default eye where it is embedded, else random. train: the pictures that the models were trained on; the
    classifier learns from them and copies of them are looked for. learn_from: also the accuracy of a
    classifier that learnt from the drawn pictures alone. cache: keeps judge and features of real pictures.
    """

    count: int = 1000
    seed: int = 0
    which: str = "best"
    extractor: str | None = None
    label_column: str = "label"
    fit: Fit = "crop"
    train: Path | None = None
    learn_from: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    cache: Path | None = None


@dataclass(frozen=True)
class Progress:
    """What is told on the way: the stage with its length, and steps done."""

    stage: Callable[[str, int], None] = lambda name, total: None
    tick: Callable[[int], None] = lambda count: None


@dataclass(frozen=True)
class RunScore:
    """Numbers of one run; `protocol` says how they were made. Agreement is None without classes."""

    run: str
    model: str
    preset: str
    parameters: int
    scores: dict[str, float]
    agreement: float | None
    agreement_of: dict[str, float]
    learnt_accuracy: float | None
    seconds_per_picture: float
    protocol: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def evaluate_runs(
    runs: Sequence[Path], data: Path, wishes: Wishes | None = None, progress: Progress | None = None
) -> list[RunScore]:
    """Draw pictures of each run, labels in the shares of `data`, and score them against it; kept in each run.

    Raises:
        InputError: fewer than 2 pictures, runs of different shapes or classes, or unreadable data.
        DiskError: a run's folder or the cache cannot be written.
    """
    wishes, progress = wishes or Wishes(), progress or Progress()
    check_range("n", wishes.count, 2, 10_000_000)
    cards = [read_card(run) for run in runs]
    for run, card in zip(runs, cards, strict=True):
        if (card.shape, card.names) != (cards[0].shape, cards[0].names):
            raise InputError(f"`runs` must have one picture shape and the same classes, got another in {run}")
    yardstick = _yardstick(data, cards[0].shape, cards[0].names, wishes, progress)
    return [_score(run, yardstick, wishes, progress) for run in runs]


def score_lines(scores: Sequence[RunScore]) -> list[str]:
    """A line per run, the nearest first, and the protocol."""
    names = list(dict.fromkeys(name for s in scores for name in s.scores))
    head = ["run", "model", *names, "agreement", "ms/picture", "parameters"]
    rows = [
        [
            s.run,
            s.model,
            *(f"{s.scores[n]:.4g}" if n in s.scores else "-" for n in names),
            share(s.agreement),
            f"{1000 * s.seconds_per_picture:.1f}",
            f"{s.parameters:,}",
        ]
        for s in sorted(scores, key=lambda s: s.scores.get(names[0], 0) if names else 0)
    ]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in [head, *rows]]
    return [*lines, scores[0].protocol, *dict.fromkeys(f"note: {n}" for s in scores for n in s.notes)]


def share(value: float | None) -> str:
    """A share as per cent, a dash for None."""
    return "-" if value is None else f"{value:.1%}"


def _yardstick(
    data: Path, shape: tuple[int, int, int], names: tuple[str, ...], wishes: Wishes, progress: Progress
) -> Yardstick:
    def read(path: Path) -> LabelledImages:
        size, channels = shape[1:], shape[0]
        found = read_labelled(
            path, size=size, channels=channels, fit=wishes.fit, label_column=wishes.label_column
        )
        return match_labels(found, names)

    reference, train = read(data), None if wishes.train is None else read(wishes.train)
    cache = wishes.cache or home() / "zoo"
    told = 0

    def on_step(step: int, steps: int) -> None:
        nonlocal told
        if not told:
            progress.stage("classifier", steps)
        progress.tick(step - told)
        told = step

    judge = None
    if len(names) > 1:
        judge = kept_judge(
            cache, train or reference, reference if train is not None else None, on_step=on_step
        )
    progress.stage("real pictures", len(reference) + (0 if train is None else len(train)))
    extractor = chosen_extractor(wishes.extractor, wishes.device)
    return Yardstick(reference, extractor, train, judge, cache, tick=progress.tick)


def _score(run: Path, yardstick: Yardstick, wishes: Wishes, progress: Progress) -> RunScore:
    model, card = load_model(run, wishes.which, wishes.device)
    progress.stage(str(run), wishes.count)
    drawn = yardstick.draw(model, wishes.count, wishes.seed, tick=progress.tick)
    found = yardstick.measure(drawn)
    learnt = yardstick.accuracy_of_learning_from(drawn) if wishes.learn_from else None
    score = RunScore(
        run=str(run),
        model=card.config.model,
        preset=card.config.preset,
        parameters=parameter_count(model),
        scores=found.scores,
        agreement=found.agreement,
        agreement_of=found.agreement_of,
        learnt_accuracy=learnt,
        seconds_per_picture=drawn.seconds_per_picture,
        protocol=f"the {wishes.which} model, seeds from {wishes.seed}; {found.protocol}",
        notes=found.notes,
    )
    try:
        (run / EVALUATION).write_text(json.dumps(score.to_json(), indent=1), encoding="utf-8")
    except OSError as error:
        raise DiskError(f"`run` must be a folder that can be written, but {run} cannot: {error}") from error
    return score
